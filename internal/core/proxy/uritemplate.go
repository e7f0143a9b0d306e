package proxy

import "strings"

// matchTemplate reports whether a URI may be an expansion of a URI template (RFC
// 6570), and how many of its bytes the template's own text accounts for: of two
// templates that match, the one with more is the more exact. It does not ask what
// stands in place of an expression, as servers differ in that, so what it finds is
// whom to ask; whether the resource exists is that server's answer. The time it
// takes grows with the length of both.
func matchTemplate(template, uri string) (literal int, ok bool) {
	open := false // whether an expression lies between what matched and what follows
	for {
		text, rest, more := strings.Cut(template, "{")
		literal += len(text)
		switch {
		case !more && open:
			return literal, strings.HasSuffix(uri, text)
		case !more:
			return literal, uri == text
		case open:
			_, after, found := strings.Cut(uri, text)
			if !found {
				return 0, false
			}
			uri = after
		case strings.HasPrefix(uri, text):
			uri = uri[len(text):]
		default:
			return 0, false
		}
		if _, template, more = strings.Cut(rest, "}"); !more {
			return 0, false // not a template
		}
		open = true
	}
}
