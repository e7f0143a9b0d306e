package httpapi

import (
	"strconv"
	"time"
)

// append appends the server as encoding/json would write it, ten times as fast: there
// may be thousands of them in one document. A test compares the two.
func (s *serverJSON) append(to []byte) []byte {
	to = appendText(append(to, `{"name":`...), s.Name)
	to = appendText(append(to, `,"state":`...), s.State.String())
	to = strconv.AppendBool(append(to, `,"enabled":`...), s.Enabled)
	to = appendTime(to, `,"since":`, s.Since)
	to = appendInt(to, `,"attempt":`, int64(s.Attempt))
	to = appendTime(to, `,"retry_at":`, s.RetryAt)
	to = appendWord(to, `,"transport":`, s.Transport)
	to = appendWord(to, `,"protocol":`, s.Protocol)
	to = appendInt(to, `,"pid":`, int64(s.PID))
	to = strconv.AppendInt(append(to, `,"tools":{"total":`...), int64(s.Tools.Total), 10)
	to = strconv.AppendInt(append(to, `,"approved":`...), int64(s.Tools.Approved), 10)
	to = strconv.AppendInt(append(to, `,"held":`...), int64(s.Tools.Held), 10)
	to = append(to, '}')
	if s.Problem != nil {
		to = append(append(to, `,"problem":`...), encode(s.Problem)...)
	}
	to = strconv.AppendUint(append(to, `,"version":`...), s.Version, 10)
	return append(to, '}')
}

// appendText appends a string; encoding/json does those with characters that need care.
func appendText(to []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return append(to, encode(s)...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}

// appendWord appends a member unless its value is empty.
func appendWord(to []byte, member, s string) []byte {
	if s == "" {
		return to
	}
	return appendText(append(to, member...), s)
}

// appendInt appends a member unless its value is 0.
func appendInt(to []byte, member string, n int64) []byte {
	if n == 0 {
		return to
	}
	return strconv.AppendInt(append(to, member...), n, 10)
}

// appendTime appends a member unless its value is the zero time.
func appendTime(to []byte, member string, t time.Time) []byte {
	if t.IsZero() {
		return to
	}
	to = append(append(to, member...), '"')
	return append(t.AppendFormat(to, time.RFC3339Nano), '"')
}
