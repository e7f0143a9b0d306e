package history

import (
	"slices"
	"strings"
)

// json returns JSON, or its beginning, with what is secret hidden: by the name of a
// member, by its value, by its form. Every other byte stays as it was.
func (r *redactor) json(text string, nesting int) string {
	w := walker{redactor: r, nesting: nesting, out: make([]byte, 0, len(text)), open: make([]object, 1, 8)}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end, whole := endOfString(text, i)
			if isKey(text[end:]) {
				w.member(text[i:end])
			} else {
				w.string(text[i:end], whole)
			}
			i = end
		case w.hide && (c == '{' || c == '['):
			i = endOfValue(text, i)
			w.secret()
		case c == '-' || '0' <= c && c <= '9':
			end := i + len(text[i:]) - len(strings.TrimLeft(text[i:], "+-.0123456789eE"))
			w.number(text[i:end])
			i = end
		default:
			w.other(c)
			i++
		}
	}
	return w.result()
}

// A walker goes through JSON from its beginning to its end.
type walker struct {
	*redactor
	nesting int // of the JSON in texts of JSON
	out     []byte
	hide    bool     // the next value is a secret
	open    []object // objects and lists that are not at their end, and one around all
	late    []span   // secrets that were written before that was known
}

// An object is what is known of an object that is not at its end. Secrets may stand in
// one as {"name": "Authorization", "value": "…"}.
type object struct {
	member member
	named  bool // its value is a secret
	value  span // of its value, if that is a string or a number
}

// A span is a part of what is written.
type span struct{ begin, end int }

// result returns what is written, without what is a secret after all.
func (w *walker) result() string {
	slices.SortFunc(w.late, func(a, b span) int { return a.begin - b.begin })
	var b strings.Builder
	done := 0
	for _, s := range w.late {
		b.Write(w.out[done:s.begin])
		b.WriteString(`"` + hidden + `"`)
		done = s.end
	}
	b.Write(w.out[done:])
	return b.String()
}

// A member is what one of an object is, for others of it.
type member uint8

const (
	plainMember member = iota
	nameMember
	valueMember
)

// top returns the innermost object.
func (w *walker) top() *object { return &w.open[len(w.open)-1] }

// member writes the name of a member, whose value comes next.
func (w *walker) member(raw string) {
	name, o := unquote(raw), w.top()
	switch {
	case strings.EqualFold(name, "name"), strings.EqualFold(name, "key"):
		o.member = nameMember
	case strings.EqualFold(name, "value"):
		o.member = valueMember
	default:
		o.member = plainMember
	}
	w.hide = namesSecret(name) || o.member == valueMember && o.named
	w.out = append(w.out, w.quoted(raw, true, w.nesting)...)
}

// string writes a value that is a string, whole or its beginning.
func (w *walker) string(raw string, whole bool) {
	if o := w.top(); o.member == nameMember && namesSecret(unquote(raw)) {
		o.named = true
		if o.value.end > 0 {
			w.late = append(w.late, o.value)
			o.value = span{}
		}
	}
	if w.hide {
		w.secret()
		return
	}
	w.value(w.quoted(raw, whole, w.nesting))
}

// number writes a number, which may be a secret of the configuration.
func (w *walker) number(raw string) {
	if w.hide || slices.ContainsFunc(w.secrets, func(s string) bool { return strings.Contains(raw, s) }) {
		w.secret()
		return
	}
	w.value(raw)
}

// value writes a string or a number.
func (w *walker) value(raw string) {
	begin := len(w.out)
	w.out = append(w.out, raw...)
	if o := w.top(); o.member == valueMember {
		o.value = span{begin, len(w.out)}
	}
}

// secret writes what stands in place of a secret.
func (w *walker) secret() {
	w.out = append(w.out, `"`+hidden+`"`...)
	w.hide = false
}

// other writes what is no string and no number.
func (w *walker) other(c byte) {
	w.out = append(w.out, c)
	switch c {
	case '{', '[':
		w.open = append(w.open, object{})
	case '}', ']':
		w.open = w.open[:max(1, len(w.open)-1)]
		w.hide = false
	case ',':
		w.hide = false
	}
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
