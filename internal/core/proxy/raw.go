package proxy

import (
	"bytes"
	"encoding/json"
	"iter"
)

// A member is one member of a JSON object, as spans of the object's bytes.
type member struct {
	key        string // decoded
	start      int    // of the key
	valueStart int
	end        int // of the value
}

// value returns the member's value in obj, the object it was found in.
func (m member) value(obj []byte) json.RawMessage { return obj[m.valueStart:m.end:m.end] }

// members yields the members of a JSON object in order, repeated ones too. The
// text must be valid JSON; of anything but an object it yields nothing.
func members(obj []byte) iter.Seq[member] {
	return func(yield func(member) bool) {
		i := skipSpace(obj, 0)
		if i >= len(obj) || obj[i] != '{' {
			return
		}
		i = skipSpace(obj, i+1)
		for i < len(obj) && obj[i] == '"' {
			m := member{start: i}
			i = skipValue(obj, i)
			m.key = unquote(obj[m.start:i])
			m.valueStart = skipSpace(obj, skipSpace(obj, i)+1) // over the colon
			m.end = skipValue(obj, m.valueStart)
			if !yield(m) {
				return
			}
			i = skipSpace(obj, m.end)
			if i >= len(obj) || obj[i] != ',' {
				return
			}
			i = skipSpace(obj, i+1)
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the end of the valid JSON value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ' ', '\t', '\n', '\r', ',', ':':
			i++
			continue
		default: // a number or a word ends where the punctuation begins
			for i < len(b) && bytes.IndexByte([]byte(" \t\n\r,:]}"), b[i]) < 0 {
				i++
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// unquote decodes a valid JSON string.
func unquote(quoted []byte) string {
	if len(quoted) >= 2 && bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid by the caller's promise
	return s
}

// quote encodes s as a JSON string without escaping what needs no escape.
func quote(s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// appendRenamed appends obj with the value of its member "name" replaced, and
// every other byte as it was.
func appendRenamed(dst, obj []byte, name string) []byte {
	from := 0
	for m := range members(obj) {
		if m.key == "name" {
			dst = append(append(dst, obj[from:m.valueStart]...), quote(name)...)
			from = m.end
		}
	}
	return append(dst, obj[from:]...)
}

// oneLine replaces line breaks, which valid JSON has only between tokens, by
// spaces. It returns raw itself if there are none.
func oneLine(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	out := bytes.Clone(raw)
	for i, c := range out {
		if c == '\n' || c == '\r' {
			out[i] = ' '
		}
	}
	return out
}

// withResultType returns result with the member that revision 2026-07-28
// requires, which a server of an older revision does not send.
func withResultType(result []byte) [][]byte {
	empty := true
	for m := range members(result) {
		if m.key == "resultType" {
			return [][]byte{result}
		}
		empty = false
	}
	open := bytes.IndexByte(result, '{')
	if empty {
		return [][]byte{[]byte(`{"resultType":"complete"}`)}
	}
	return [][]byte{[]byte(`{"resultType":"complete",`), result[open+1:]}
}
