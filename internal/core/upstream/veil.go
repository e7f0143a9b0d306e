package upstream

import "strings"

// A veil keeps the secrets out of one stream of a server, also those that come in
// several pieces. It belongs to one goroutine; the zero value hides nothing.
type veil struct {
	secrets secrets
	held    string // the stream's end so far, which may be the beginning of a secret
}

// take returns what can be shown of the stream now that p was read. It is valid as
// long as p is.
func (v *veil) take(p []byte) []byte {
	if len(v.secrets) == 0 {
		return p
	}
	text := v.held + string(p)
	at := v.secrets.openEnd(text)
	v.held = text[at:]
	return []byte(v.secrets.hide(text[:at]))
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
func (s secrets) openEnd(text string) int {
	at := len(text)
	for _, secret := range s {
		for n := min(len(secret)-1, len(text)); n > len(text)-at; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				at = len(text) - n
			}
		}
	}
	for moved := true; moved && at > 0; {
		moved = false
		for _, secret := range s {
			from := max(0, at-len(secret)+1)
			near := text[from:min(len(text), at+len(secret)-1)]
			if i := strings.Index(near, secret); i >= 0 && from+i < at {
				at, moved = from+i, true
			}
		}
	}
	return at
}
