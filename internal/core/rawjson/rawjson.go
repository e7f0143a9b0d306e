// Package rawjson cuts JSON text into its parts without decoding it, so that what
// passes through this program stays the bytes that were written. It is not for
// values that this program itself needs: those are decoded by encoding/json.
//
// All functions may be called concurrently; none keeps or changes its arguments.
package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
)

// MaxDepth is how deep a text may nest: deeper than any real one, and far from
// what would trouble the stack of a reader that decodes it.
const MaxDepth = 1000

// Errors of a text that cannot be cut.
var (
	ErrNotJSON = errors.New("not valid JSON")
	ErrTooDeep = errors.New("nested too deep")
)

// A Member is one member of an object.
type Member struct {
	Key        []byte // decoded
	Value      json.RawMessage
	Whole      []byte // both as they stand in the object
	Start      int    // of Whole in the object
	ValueStart int
	End        int // of Value, and of Whole
}

// EachMember calls fn for each member of an object in order, repeated ones too,
// and proves that the text is valid. Of a value that nests too deep it proves only
// where it ends: then it returns ErrTooDeep after the last member.
func EachMember(text []byte, fn func(Member)) error {
	return walk(text, func(m Member) bool { fn(m); return true })
}

// Members yields the members of a text that is known to be valid JSON; of
// anything but an object it yields nothing.
func Members(text []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		_ = walk(text, yield) // valid by the caller's promise
	}
}

// walk goes over the members until yield returns false.
func walk(text []byte, yield func(Member) bool) error {
	s := scanner{b: text}
	s.space()
	if !s.eat('{') {
		return ErrNotJSON
	}
	if s.space(); s.eat('}') {
		return s.end()
	}
	for {
		s.space()
		start := s.i
		if !s.str() {
			return ErrNotJSON
		}
		key := text[start+1 : s.i-1]
		if s.space(); !s.eat(':') {
			return ErrNotJSON
		}
		s.space()
		from := s.i
		if !s.value(1) {
			return ErrNotJSON
		}
		m := Member{
			Key: decodeKey(key), Value: text[from:s.i:s.i], Whole: text[start:s.i:s.i],
			Start: start, ValueStart: from, End: s.i,
		}
		if !yield(m) {
			return nil
		}
		if s.space(); s.eat(',') {
			continue
		}
		if s.eat('}') {
			return s.end()
		}
		return ErrNotJSON
	}
}

// EachElement calls fn for each element of an array and proves that the text is
// valid, as EachMember does.
func EachElement(text []byte, fn func(value json.RawMessage)) error {
	s := scanner{b: text}
	s.space()
	if !s.eat('[') {
		return ErrNotJSON
	}
	if s.space(); s.eat(']') {
		return s.end()
	}
	for {
		s.space()
		from := s.i
		if !s.value(1) {
			return ErrNotJSON
		}
		fn(text[from:s.i:s.i])
		if s.space(); s.eat(',') {
			continue
		}
		if s.eat(']') {
			return s.end()
		}
		return ErrNotJSON
	}
}

// decodeKey resolves escapes in a key, which are rare.
func decodeKey(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key
	}
	var out string
	if json.Unmarshal([]byte(`"`+string(key)+`"`), &out) != nil {
		return key
	}
	return []byte(out)
}

// OneLine returns JSON text without line breaks, which stand only between its
// tokens. Text without any is returned as it is.
func OneLine(text []byte) []byte {
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	text = bytes.Clone(text)
	for i, c := range text {
		if c == '\n' || c == '\r' {
			text[i] = ' '
		}
	}
	return text
}
