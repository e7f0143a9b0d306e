package jsonc

import (
	"bytes"

	"github.com/tailscale/hujson"
)

// Member finds a key in an object, and whether it is there more than once.
func Member(obj *hujson.Object, key string) (m *hujson.ObjectMember, twice bool) {
	for i := range obj.Members {
		if Key(&obj.Members[i]) != key {
			continue
		}
		if m != nil {
			return m, true
		}
		m = &obj.Members[i]
	}
	return m, false
}

// Key returns the key of a member.
func Key(m *hujson.ObjectMember) string { return Text(m.Name.Value.(hujson.Literal)) }

// Text is the text of a string literal. Most have no escapes and are then what
// they look like, since the whole document was checked to be UTF-8.
func Text(lit hujson.Literal) string {
	if bytes.IndexByte(lit, '\\') < 0 {
		return string(lit[1 : len(lit)-1])
	}
	return lit.String()
}
