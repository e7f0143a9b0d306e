package history

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
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

// json returns JSON, or its beginning, with what is secret hidden: by the name of a
// member, by its value, by its form. Every other byte stays as it was.
func (r *redactor) json(text string, nesting int) string {
	var out strings.Builder
	hide := false // the next value
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end, whole := endOfString(text, i)
			raw := text[i:end]
			i = end
			if isKey(text[end:]) {
				hide = namesSecret(unquote(raw))
				out.WriteString(r.quoted(raw, true, nesting))
				continue
			}
			if hide {
				raw = `"` + hidden + `"`
			} else {
				raw = r.quoted(raw, whole, nesting)
			}
			hide = false
			out.WriteString(raw)
		case hide && (c == '{' || c == '['):
			i = endOfValue(text, i)
			out.WriteString(`"` + hidden + `"`)
			hide = false
		case hide && (c == '-' || '0' <= c && c <= '9'):
			i += len(text[i:]) - len(strings.TrimLeft(text[i:], "+-.0123456789eE"))
			out.WriteString(`"` + hidden + `"`)
			hide = false
		default:
			if c == ',' || c == '}' || c == ']' {
				hide = false
			}
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
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

// endOfString returns where the string ends that begins at i; whole is false if the text
// ends before.
func endOfString(text string, i int) (end int, whole bool) {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(text), false
}

// endOfValue returns where the object or list ends that begins at i, or the text does.
func endOfValue(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			i, _ = endOfString(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
	return len(text)
}

// isKey reports whether what follows a string makes it the name of a member.
func isKey(rest string) bool {
	return strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), ":")
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

// secretWords name secrets wherever they stand in the name of a member; pairs do so
// next to each other.
var (
	secretWords = []string{"token", "password", "passwd", "passphrase", "pwd", "secret", "secrets", "authorization", "auth",
		"credential", "credentials", "cookie", "cookies", "apikey", "accesskey", "privatekey", "bearer", "otp", "pat", "jwt", "dsn"}
	secretPairs = []string{"api key", "access key", "private key", "signing key", "encryption key", "client key", "secret key", "session id", "pass word", "connection string"}
)

// namesSecret reports whether the value of a member of that name is a secret.
func namesSecret(name string) bool {
	words := splitWords(name)
	for _, w := range words {
		if slices.Contains(secretWords, w) {
			return true
		}
	}
	joined := " " + strings.Join(words, " ") + " "
	return slices.ContainsFunc(secretPairs, func(pair string) bool { return strings.Contains(joined, " "+pair+" ") })
}

// splitWords splits a name such as "apiKey", "API-KEY" or "api_key", in lower case.
func splitWords(name string) []string {
	var b strings.Builder
	lower := false
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			b.WriteByte(' ')
			lower = false
			continue
		}
		if unicode.IsUpper(c) && lower {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(c)
		b.WriteRune(unicode.ToLower(c))
	}
	return strings.Fields(b.String())
}
