package upstream

import (
	"bytes"
	"slices"
	"strings"
)

// A veil keeps the secrets out of one stream of a server, also those that come in
// several pieces. It belongs to one goroutine.
type veil struct {
	secrets secrets
	sought  [][]byte // the same, as the search wants them
	held    string   // the stream's end so far, which may be the beginning of a secret
}

func newVeil(s secrets) *veil {
	v := &veil{secrets: s}
	for _, secret := range s {
		v.sought = append(v.sought, []byte(secret))
	}
	return v
}

// finds reports whether there is a secret in text.
func (v *veil) finds(text []byte) bool {
	return slices.ContainsFunc(v.sought, func(secret []byte) bool { return bytes.Contains(text, secret) })
}

// take returns what can be shown of the stream now that p was read. It is valid as
// long as p is.
func (v *veil) take(p []byte) []byte {
	if len(v.secrets) == 0 {
		return p
	}
	text := p
	if v.held != "" {
		text = append([]byte(v.held), p...)
	}
	at := v.secrets.openEnd(text)
	v.held = string(text[at:])
	if text = text[:at]; v.finds(text) {
		return []byte(v.secrets.hide(string(text)))
	}
	return text
}

// rest returns what was held back when the stream has ended.
func (v *veil) rest() []byte {
	text := v.held
	v.held = ""
	if len(text) >= minSecret {
		text = hidden // the beginning of a secret is one, too
	}
	return []byte(text)
}

// openEnd returns where the end of text begins that may be a part of a secret: more
// text tells. No secret lies across that place.
func (s secrets) openEnd(text []byte) int {
	at := len(text)
	if at == 0 {
		return 0
	}
	last := text[at-1]
	for _, secret := range s {
		for n := min(len(secret)-1, len(text)); n > len(text)-at; n-- {
			if secret[n-1] == last && string(text[len(text)-n:]) == secret[:n] {
				at = len(text) - n
			}
		}
	}
	if at == len(text) {
		return at
	}
	for moved := true; moved && at > 0; {
		moved = false
		for _, secret := range s {
			from := max(0, at-len(secret)+1)
			near := text[from:min(len(text), at+len(secret)-1)]
			if i := strings.Index(string(near), secret); i >= 0 && from+i < at {
				at, moved = from+i, true
			}
		}
	}
	return at
}
