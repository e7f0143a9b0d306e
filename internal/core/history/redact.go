package history

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// hidden stands where a secret stood.
const hidden = "•••"

// maxNesting is how deep JSON may stand in texts of JSON; what is deeper is hidden.
const maxNesting = 4

// A redactor takes secrets out of payloads. The zero value knows no values, only names
// and forms.
type redactor struct {
	secrets []string
	late    func() bool // whether there is no time left for payloads; nil: never
}

func newRedactor(secrets []string) *redactor {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return s == "" })
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	return &redactor{secrets: secrets}
}

// keeps reports whether payloads are to be kept; r may be nil.
func (r *redactor) keeps() bool { return r != nil && (r.late == nil || !r.late()) }

// payload returns what may be kept of a payload, which may be the beginning of JSON.
func (r *redactor) payload(p []byte) string {
	if len(p) == 0 {
		return ""
	}
	rest, cut := bytes.CutSuffix(p, []byte(cutMark))
	out := r.json(strings.ToValidUTF8(string(rest), ""), 0)
	if cut {
		out = r.withoutBeginning(out) + cutMark
	}
	return out
}

// withoutBeginning cuts off the end of a text that is the beginning of a secret.
func (r *redactor) withoutBeginning(text string) string {
	longest := 0
	for _, secret := range r.secrets {
		for n := min(len(secret)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				longest = n
			}
		}
	}
	return strings.ToValidUTF8(text[:len(text)-longest], "")
}

// quoted returns a JSON string, whole or its beginning, with what is secret in it hidden.
func (r *redactor) quoted(raw string, whole bool, nesting int) string {
	plain := unquote(raw)
	shown := ""
	switch start := strings.TrimLeft(plain, " \t\r\n"); {
	case !strings.HasPrefix(start, "{") && !strings.HasPrefix(start, "["):
		shown = r.text(plain)
	case nesting == maxNesting:
		shown = hidden
	default:
		shown = r.text(r.json(plain, nesting+1))
	}
	if !whole {
		shown = r.withoutBeginning(shown)
	}
	if shown == plain {
		return raw
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(shown) // a string always encodes
	return strings.TrimSuffix(buf.String(), "\n")
}

// unquote returns what a JSON string says, or as much as can be told if it is cut off.
func unquote(raw string) string {
	body := strings.TrimPrefix(raw, `"`)
	if len(body) == len(raw) {
		return raw
	}
	if len(body) > 0 && body[len(body)-1] == '"' {
		body = body[:len(body)-1]
	}
	if !strings.Contains(body, `\`) {
		return body
	}
	for n := 0; n <= 6 && n <= len(body); n++ { // an escape that is cut off is that long
		var s string
		if json.Unmarshal([]byte(`"`+body[:len(body)-n]+`"`), &s) == nil {
			return s
		}
	}
	return body
}
