package search

import (
	"unicode"
	"unicode/utf8"
)

// maxWord is the longest word in bytes that is looked at. Longer ones are keys
// and other data that nobody searches for.
const maxWord = 40

// A splitter cuts text into words. Its buffer is used again for each text.
type splitter struct {
	word []byte // what was read of a word, in lower case
	part int    // where in it the part since the last hump begins
	long bool   // whether it was cut off
}

// lower is the lower case of each ASCII character that can be in a word, else 0.
var lower = func() (table [utf8.RuneSelf]byte) {
	for c := range byte(utf8.RuneSelf) {
		if r := rune(c); unicode.IsLetter(r) || unicode.IsDigit(r) {
			table[c] = byte(unicode.ToLower(r))
		}
	}
	return table
}()

// split calls emit for each word of text in lower case. A name is cut at its humps,
// and is a word as a whole too: "getIssue" is "get", "issue" and "getissue". Of
// scripts that put no space between words, each character is one. What is passed
// to emit is valid until it returns.
func (s *splitter) split(text []byte, emit func(word []byte)) {
	var last rune // the one before, 0 at the start of a word
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			i += size
			last = s.rare(r, last, emit)
			continue
		}
		i++
		low := lower[c]
		if low == 0 {
			if last != 0 {
				s.end(emit)
				last = 0
			}
			continue
		}
		if low != c && last != 0 && (!unicode.IsUpper(last) || i < len(text) && 'a' <= text[i] && text[i] <= 'z') {
			s.hump(emit)
		}
		if len(s.word) < maxWord {
			s.word = append(s.word, low)
		} else {
			s.long = true
		}
		last = rune(c)
	}
	s.end(emit)
}

// rare reads a character that is not ASCII and returns it if a word goes on after it.
func (s *splitter) rare(r, last rune, emit func([]byte)) rune {
	switch {
	case r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.Nd):
		s.end(emit)
		return 0
	case alone(r):
		s.end(emit)
		s.word = utf8.AppendRune(s.word, unicode.ToLower(r))
		s.end(emit)
		return 0
	case last != 0 && unicode.IsUpper(r) && !unicode.IsUpper(last):
		s.hump(emit)
	}
	if len(s.word)+utf8.UTFMax <= maxWord {
		s.word = utf8.AppendRune(s.word, unicode.ToLower(r))
	} else {
		s.long = true
	}
	return r
}

// hump ends a part of a word.
func (s *splitter) hump(emit func([]byte)) {
	if !s.long && len(s.word) > s.part {
		emit(s.word[s.part:])
	}
	s.part = len(s.word)
}

// end ends a word.
func (s *splitter) end(emit func([]byte)) {
	parts := s.part > 0
	s.hump(emit)
	if parts && !s.long {
		emit(s.word)
	}
	s.word, s.part, s.long = s.word[:0], 0, false
}

// alone reports whether a character is of a script without spaces.
func alone(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
