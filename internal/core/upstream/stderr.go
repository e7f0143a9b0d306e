package upstream

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// What of a server's stderr is kept for its Problem.
const (
	tailBytes     = 16 << 10
	tailLines     = 20
	tailLineBytes = 500 // the rest of a longer line is dropped
	shownBytes    = 600 // of all lines, in a hint
)

// A tail keeps the last bytes written to it. Writing costs next to nothing, for a
// server may flood it.
type tail struct {
	secrets secrets // that the hint must not show; set before the first write

	mu   sync.Mutex // guards the fields below
	text []byte
	lost bool // something that was before text
}

// Write implements io.Writer; it never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := p[max(0, len(p)-tailBytes):]
	switch {
	case len(last) == tailBytes:
		t.lost = t.lost || len(t.text)+len(p) > tailBytes
		t.text = t.text[:0]
	case len(t.text)+len(last) > 2*tailBytes:
		t.lost = true
		keep := tailBytes - len(last)
		t.text = append(t.text[:0], t.text[len(t.text)-keep:]...)
	}
	t.text = append(t.text, last...)
	return len(p), nil
}

// hint returns the last lines as a sentence for people, or nothing.
func (t *tail) hint() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := string(t.text)
	if t.lost {
		text = t.secrets.withoutRest(text)
	}
	text = t.secrets.hide(text) // before anything is cut: a part of a secret is found no more
	var shown []string
	for size := 0; len(text) > 0 && len(shown) < tailLines; {
		at := strings.LastIndexByte(text, '\n')
		line := text[at+1:]
		text = text[:max(0, at)]
		words := t.secrets.show(line, tailLineBytes)
		if words == "" {
			continue
		}
		if size += len(words); size > shownBytes && len(shown) > 0 {
			break
		}
		shown = append([]string{words}, shown...)
	}
	if len(shown) == 0 {
		return ""
	}
	return "It said last: " + clean(strings.Join(shown, " | "), shownBytes)
}

// clean makes text of a server fit to be shown: one line, without terminal
// sequences and invisible characters, at most limit bytes.
func clean(s string, limit int) string { return cut(oneLine(s), limit) }

func oneLine(s string) string {
	var b strings.Builder
	escape := false // within ESC [ … letter
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == 0x1b && i < len(s) && s[i] == '[':
			escape = true
			i++
		case escape:
			escape = r < '@' || r > '~'
		case r == '\t' || r == '\n' || r == '\r':
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r):
			continue
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// cut returns the first bytes of s, and says so if there are more.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	at := limit
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + "…"
}
