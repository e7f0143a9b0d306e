package history

import (
	"regexp"
	"strings"
)

// A form is how secrets look in plain text. To match one everywhere takes a hundred times
// as long as to look for its signs first.
type form struct {
	signs []string       // in lower case, before the secret or at its beginning
	inner bool           // a sign counts in the middle of a word, too
	shown bool           // a sign is no part of the secret
	rest  *regexp.Regexp // what stands behind the sign; its group, if it has one, is shown
	by    string         // what stands in its place
}

const numForms = 9

var forms = [numForms]form{
	{[]string{"-----begin "}, true, false, regexp.MustCompile(`^[A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`), hidden},
	{[]string{"://"}, true, true, regexp.MustCompile(`^[^/?#\s@"']+@`), hidden + "@"},
	{[]string{"bearer", "basic"}, false, true, regexp.MustCompile(`^(\s+)[A-Za-z0-9._~+/=-]{8,}`), hidden},
	{[]string{"password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key", "access-key", "authorization"}, true, true,
		regexp.MustCompile(`^(["']?\s*[:=]\s*["']?)[^\s"',;&}]{3,}`), hidden},
	{[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, false, false, regexp.MustCompile(`^\w{20,}`), hidden},
	{[]string{"sk-"}, false, false, regexp.MustCompile(`^[A-Za-z0-9_-]{16,}`), hidden},
	{[]string{"xox"}, false, false, regexp.MustCompile(`^[a-z]-[A-Za-z0-9-]{10,}`), hidden},
	{[]string{"akia"}, false, false, regexp.MustCompile(`^[0-9A-Z]{16}`), hidden},
	{[]string{"eyj"}, false, false, regexp.MustCompile(`^[\w-]{8,}\.[\w-]{8,}\.[\w-]*`), hidden},
}

// A mark is a sign of a form.
type mark struct {
	sign string
	form int
}

// marks are the signs by their first byte in either case.
var marks = func() (all [256][]mark) {
	for i := range forms {
		for _, sign := range forms[i].signs {
			all[sign[0]] = append(all[sign[0]], mark{sign, i})
			if c := sign[0]; 'a' <= c && c <= 'z' {
				all[c-'a'+'A'] = append(all[c-'a'+'A'], mark{sign, i})
			}
		}
	}
	return all
}()

// text returns plain text with what is secret in it hidden.
func (r *redactor) text(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, hidden)
	}
	for i, found := range look(s) {
		if !found {
			continue
		}
		low := lower(s)
		for _, sign := range forms[i].signs {
			if shown := forms[i].hide(s, low, sign); shown != s {
				s, low = shown, lower(shown)
			}
		}
	}
	return s
}

// look returns of which forms there are signs in a text, by their place among all.
func look(s string) (found [numForms]bool) {
	for i := range len(s) {
		for _, m := range marks[s[i]] {
			if rest := s[i:]; len(rest) >= len(m.sign) && !found[m.form] {
				found[m.form] = strings.EqualFold(rest[:len(m.sign)], m.sign)
			}
		}
	}
	return found
}

// hide returns a text, which low is in lower case, with what has that sign of the form hidden.
func (f *form) hide(s, low, sign string) string {
	var out strings.Builder
	done, i := 0, 0
	for {
		n := strings.Index(low[i:], sign)
		if n < 0 {
			break
		}
		begin := i + n
		i = begin + len(sign)
		if !f.inner && begin > 0 && isWordByte(low[begin-1]) {
			continue
		}
		shown, all := f.find(s[i:])
		if all == 0 {
			continue
		}
		if f.shown {
			begin = i + shown
		}
		out.WriteString(s[done:begin])
		out.WriteString(f.by)
		i += all
		done = i
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// find returns how long what stands at the beginning of a text is, and how much of it is shown.
func (f *form) find(s string) (shown, all int) {
	switch at := f.rest.FindStringSubmatchIndex(s); {
	case at == nil:
		return 0, 0
	case len(at) == 2:
		return 0, at[1]
	default:
		return at[3], at[1]
	}
}

func isWordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

// lower returns a text with A to Z in lower case, and each byte at its place.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
