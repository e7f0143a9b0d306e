package search

import "bytes"

// stem cuts the endings of English inflection from a word, in place. It need not
// give words, only the same text for forms of the same word; and where it is
// unsure it leaves a word as it is.
func stem(w []byte) []byte {
	if len(w) < 4 || !ascii(w) {
		return w
	}
	w = singular(w)
	switch {
	case cut(&w, "ing"), cut(&w, "ed"):
		w = restore(w)
	case cut(&w, "ation"), cut(&w, "ator"):
		w = append(w, "at"...)
	case bytes.HasSuffix(w, []byte("ion")) && len(w) > 6 && (w[len(w)-4] == 't' || w[len(w)-4] == 's'):
		w = w[:len(w)-3]
	case cut(&w, "ment"), cut(&w, "ly"):
	}
	if n := len(w); n > 3 && w[n-1] == 'e' {
		w = w[:n-1]
	} else if n > 3 && w[n-1] == 'y' && !vowel(w[n-2]) {
		w[n-1] = 'i'
	}
	if n := len(w); n > 6 && w[n-2] == 'a' && w[n-1] == 't' { // configure, configuration
		w = w[:n-2]
	}
	return w
}

// singular cuts the plural and the third person.
func singular(w []byte) []byte {
	n := len(w)
	switch {
	case w[n-1] != 's', string(w) == "news":
	case bytes.HasSuffix(w, []byte("ies")) && n > 4:
		return append(w[:n-3], 'y')
	case bytes.HasSuffix(w, []byte("sses")), bytes.HasSuffix(w, []byte("xes")),
		bytes.HasSuffix(w, []byte("ches")), bytes.HasSuffix(w, []byte("shes")):
		return w[:n-2]
	case w[n-2] != 's' && w[n-2] != 'u' && w[n-2] != 'i':
		return w[:n-1]
	}
	return w
}

// cut removes an ending if what remains has a vowel and at least 3 letters.
func cut(w *[]byte, ending string) bool {
	rest, ok := bytes.CutSuffix(*w, []byte(ending))
	if !ok || len(rest) < 3 || !bytes.ContainsAny(rest, "aeiouy") {
		return false
	}
	*w = rest
	return true
}

// restore undoes the doubling of a consonant before an ending that was cut.
func restore(w []byte) []byte {
	n := len(w)
	if n > 3 && w[n-1] == w[n-2] && !vowel(w[n-1]) && w[n-1] != 'l' && w[n-1] != 's' && w[n-1] != 'z' {
		return w[:n-1]
	}
	return w
}

func vowel(c byte) bool { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' }

func ascii(w []byte) bool {
	for _, c := range w {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
