package search

import (
	"unicode"
	"unicode/utf8"
)

// maxWord is the longest word in bytes that is looked at. Longer ones are keys
// and other data that nobody searches for.
const maxWord = 40

// A splitter cuts text into words. Its buffers are used again for each text.
type splitter struct {
	word []byte // the part since the last hump
	full []byte // since the last character that is in no word
}

// split calls emit for each word of text in lower case. A name is cut at its humps,
// and is a word as a whole too: "getIssue" is "get", "issue" and "getissue". Of
// scripts that put no space between words, each character is one. What is passed
// to emit is valid until it returns.
func (s *splitter) split(text []byte, emit func(word []byte)) {
	s.word, s.full = s.word[:0], s.full[:0]
	var last rune // the one before, 0 at the start of a word
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		i += size
		switch {
		case !inWord(r):
			s.end(emit)
			last = 0
			continue
		case r >= 0xE00 && alone(r):
			s.end(emit)
			s.word = utf8.AppendRune(s.word, r)
			s.end(emit)
			last = 0
			continue
		case isUpper(r) && last != 0 && (!isUpper(last) || i < len(text) && isLower(text[i])):
			s.hump(emit)
		}
		if len(s.full) <= maxWord {
			low := toLower(r)
			s.word = utf8.AppendRune(s.word, low)
			s.full = utf8.AppendRune(s.full, low)
		}
		last = r
	}
	s.end(emit)
}

// hump ends a part of a word.
func (s *splitter) hump(emit func([]byte)) {
	if len(s.word) > 0 && len(s.word) <= maxWord {
		emit(s.word)
	}
	s.word = s.word[:0]
}

// end ends a word.
func (s *splitter) end(emit func([]byte)) {
	parts := len(s.full) > len(s.word)
	s.hump(emit)
	if parts && len(s.full) <= maxWord {
		emit(s.full)
	}
	s.full = s.full[:0]
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r))
}

func isUpper(r rune) bool {
	if r < utf8.RuneSelf {
		return 'A' <= r && r <= 'Z'
	}
	return unicode.IsUpper(r)
}

func isLower(b byte) bool { return 'a' <= b && b <= 'z' }

func toLower(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

// alone reports whether a character is of a script without spaces.
func alone(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
