package upstream

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// What of a server's stderr is kept for its Problem.
const (
	tailLines     = 20
	tailLineBytes = 500 // the rest of a longer line is dropped
	shownBytes    = 600 // of all lines, in a hint
)

// A tail keeps the last lines written to it.
type tail struct {
	mu    sync.Mutex // guards the fields below
	lines []string   // complete, oldest first
	open  []byte     // the line that is not complete yet, cut to tailLineBytes
}

// Write implements io.Writer; it never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Only the last lines of a flood can matter.
	rest := p
	if most := 2 * tailLines * tailLineBytes; len(rest) > most {
		rest = rest[len(rest)-most:]
		t.open = t.open[:0]
	}
	for len(rest) > 0 {
		line, after, complete := cutLine(rest)
		if room := tailLineBytes - len(t.open); room > 0 {
			t.open = append(t.open, line[:min(room, len(line))]...)
		}
		if complete {
			t.push()
		}
		rest = after
	}
	return len(p), nil
}

func cutLine(p []byte) (line, rest []byte, complete bool) {
	for i, c := range p {
		if c == '\n' {
			return p[:i], p[i+1:], true
		}
	}
	return p, nil, false
}

func (t *tail) push() {
	if line := clean(string(t.open), tailLineBytes); line != "" {
		if len(t.lines) == tailLines {
			t.lines = append(t.lines[:0], t.lines[1:]...)
		}
		t.lines = append(t.lines, line)
	}
	t.open = t.open[:0]
}

// hint returns the last lines as a sentence for people, or nothing.
func (t *tail) hint() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) > 0 {
		t.push()
	}
	var shown []string
	size := 0
	for i := len(t.lines) - 1; i >= 0; i-- {
		if size += len(t.lines[i]); size > shownBytes && len(shown) > 0 {
			break
		}
		shown = append([]string{t.lines[i]}, shown...)
	}
	if len(shown) == 0 {
		return ""
	}
	return "It said last: " + clean(strings.Join(shown, " | "), shownBytes)
}

// clean makes text of a server fit to be shown: one line, without terminal
// sequences and invisible characters, at most limit bytes.
func clean(s string, limit int) string {
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
	out := strings.Join(strings.Fields(b.String()), " ")
	if len(out) <= limit {
		return out
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(out[cut]) {
		cut--
	}
	return out[:cut] + "…"
}
