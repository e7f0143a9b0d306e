package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The tags of JSON values in the pre-image of a tool. Each is followed by a length and
// that many bytes: a decoded string, a number as written, or what is inside of an array
// or object, of the latter names and values in turn, sorted by name.
const (
	tagString = 's'
	tagNumber = 'u'
	tagWord   = 'w' // true, false or null
	tagArray  = '['
	tagObject = '{'
)

// Why a text has no canonical form.
var (
	errNotObject = errors.New("not a JSON object")
	errUTF8      = errors.New("text that is not valid UTF-8")
	errSurrogate = errors.New("half of a surrogate pair")
	errTwice     = errors.New("a name stands twice in one object")
	errDeep      = errors.New("nested too deep")
)

// readObject returns the members of an object by their names, each value encoded so
// that different values never have the same bytes.
func readObject(text []byte) (map[string][]byte, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errUTF8
	case !json.Valid(text):
		return nil, errNotObject
	case halved(text):
		return nil, errSurrogate
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	return members(dec, 1)
}

// members reads an object of which the brace was read.
func members(dec *json.Decoder, depth int) (map[string][]byte, error) {
	object := map[string][]byte{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read name: %w", err)
		}
		name, ok := t.(string)
		if !ok {
			return nil, errNotObject
		}
		if _, there := object[name]; there {
			return nil, errTwice
		}
		if object[name], err = value(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return object, err
}

// value reads and encodes one value.
func value(dec *json.Decoder, depth int) ([]byte, error) {
	if depth > maxToolDepth {
		return nil, errDeep
	}
	t, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("read value: %w", err)
	}
	switch t := t.(type) {
	case string:
		return appendField(nil, tagString, []byte(t)), nil
	case json.Number:
		return appendField(nil, tagNumber, []byte(t)), nil
	case bool:
		return appendField(nil, tagWord, fmt.Append(nil, t)), nil
	case nil:
		return appendField(nil, tagWord, []byte("null")), nil
	case json.Delim:
		if t == '[' {
			return array(dec, depth)
		}
		object, err := members(dec, depth)
		if err != nil {
			return nil, err
		}
		var inside []byte
		for _, name := range sortedNames(object) {
			inside = append(appendField(inside, tagString, []byte(name)), object[name]...)
		}
		return appendField(nil, tagObject, inside), nil
	}
	return nil, io.ErrUnexpectedEOF // there is no other token
}

// array reads and encodes an array of which the bracket was read.
func array(dec *json.Decoder, depth int) ([]byte, error) {
	var inside []byte
	for dec.More() {
		v, err := value(dec, depth+1)
		if err != nil {
			return nil, err
		}
		inside = append(inside, v...)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("read array: %w", err)
	}
	return appendField(nil, tagArray, inside), nil
}

// halved reports whether a string of valid JSON has an escape that is half of a
// surrogate pair. Decoders make the same mark of each, so that they could stand for
// one another.
func halved(text []byte) bool {
	high := -1 // where the escape of a high half ended
	for i := 0; i < len(text); i++ {
		if high >= 0 && i == high && !(text[i] == '\\' && text[i+1] == 'u') {
			return true
		}
		if text[i] != '\\' { // stands only in strings
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		unit := hex16(text[i+1 : i+5])
		low := unit >= 0xDC00 && unit < 0xE000
		paired := high >= 0 && i-1 == high
		i += 4
		if low != paired {
			return true
		}
		high = -1
		if unit >= 0xD800 && unit < 0xDC00 {
			high = i + 1
		}
	}
	return false
}

// hex16 returns the number that four digits of valid JSON stand for.
func hex16(digits []byte) (n int) {
	for _, c := range digits {
		switch {
		case c <= '9':
			n = n<<4 | int(c-'0')
		default:
			n = n<<4 | int(c|0x20-'a'+10)
		}
	}
	return n
}
