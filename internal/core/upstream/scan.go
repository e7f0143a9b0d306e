package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
)

// maxDepth is how deep a message may nest: deeper than any real one, and far
// from what would trouble the stack of a reader that decodes it.
const maxDepth = 1000

var (
	errNotJSON = errors.New("not valid JSON")
	errTooDeep = errors.New("nested too deep")
)

// An envelope is a JSON-RPC message cut into its members. Each is the bytes as
// they stood in the message, or nil if the member is absent.
type envelope struct {
	id, method, params, result, err json.RawMessage
}

// isReply reports whether the message answers a request.
func (e *envelope) isReply() bool { return e.method == nil && e.id != nil }

// scanEnvelope cuts a message in one pass. It accepts exactly the objects that
// encoding/json accepts, up to maxDepth; of repeated members the last counts.
// Beside errTooDeep the envelope is as good as any, but for what nests too deep.
func scanEnvelope(msg []byte) (e envelope, err error) {
	err = eachMember(msg, func(m member) {
		switch string(m.key) {
		case "id":
			e.id = m.value
		case "method":
			e.method = m.value
		case "params":
			e.params = m.value
		case "result":
			e.result = m.value
		case "error":
			e.err = m.value
		}
	})
	if err != nil && err != errTooDeep {
		return envelope{}, err
	}
	return e, err
}

// A member is one member of an object: its decoded key, its value's bytes and
// the bytes of both as they stood.
type member struct {
	key   []byte
	value []byte
	whole []byte
	start int // of whole, in the scanned text
}

// eachMember calls fn for each member of a JSON object and proves that the text
// is valid. Of a value that nests too deep it proves only where it ends: then it
// returns errTooDeep after the last member.
func eachMember(text []byte, fn func(member)) error {
	s := scanner{b: text}
	s.space()
	if !s.eat('{') {
		return errNotJSON
	}
	if s.space(); !s.eat('}') {
		for {
			s.space()
			start := s.i
			if !s.str() {
				return errNotJSON
			}
			key := text[start+1 : s.i-1]
			if s.space(); !s.eat(':') {
				return errNotJSON
			}
			s.space()
			from := s.i
			if !s.value(1) {
				return errNotJSON
			}
			fn(member{key: decodeKey(key), value: text[from:s.i:s.i], whole: text[start:s.i:s.i], start: start})
			if s.space(); s.eat(',') {
				continue
			}
			if s.eat('}') {
				break
			}
			return errNotJSON
		}
	}
	return s.end()
}

// eachElement calls fn for each element of a JSON array and proves that the text is valid.
func eachElement(text []byte, fn func(value []byte)) error {
	s := scanner{b: text}
	s.space()
	if !s.eat('[') {
		return errNotJSON
	}
	if s.space(); !s.eat(']') {
		for {
			s.space()
			from := s.i
			if !s.value(1) {
				return errNotJSON
			}
			fn(text[from:s.i:s.i])
			if s.space(); s.eat(',') {
				continue
			}
			if s.eat(']') {
				break
			}
			return errNotJSON
		}
	}
	return s.end()
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

// A scanner walks over JSON text without building anything.
type scanner struct {
	b    []byte
	i    int
	deep bool // something nested deeper than maxDepth was skipped
}

func (s *scanner) end() error {
	if s.space(); s.i != len(s.b) {
		return errNotJSON
	}
	if s.deep {
		return errTooDeep
	}
	return nil
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) eat(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) value(depth int) bool {
	if s.i >= len(s.b) {
		return false
	}
	if depth > maxDepth {
		return s.skip()
	}
	switch s.b[s.i] {
	case '{':
		return s.object(depth)
	case '[':
		return s.array(depth)
	case '"':
		return s.str()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

// skip walks over a value without recursion: it counts brackets only.
func (s *scanner) skip() bool {
	s.deep = true
	for open := 0; s.i < len(s.b); {
		switch s.b[s.i] {
		case '"':
			if !s.str() {
				return false
			}
		case '{', '[':
			open++
			s.i++
		case '}', ']':
			if open == 0 {
				return true // of what is around the value
			}
			open--
			s.i++
		case ',':
			if open == 0 {
				return true
			}
			s.i++
		default:
			s.i++
		}
	}
	return false
}

func (s *scanner) object(depth int) bool {
	s.i++
	if s.space(); s.eat('}') {
		return true
	}
	for {
		if s.space(); !s.str() {
			return false
		}
		if s.space(); !s.eat(':') {
			return false
		}
		if s.space(); !s.value(depth + 1) {
			return false
		}
		if s.space(); !s.eat(',') {
			return s.eat('}')
		}
	}
}

func (s *scanner) array(depth int) bool {
	s.i++
	if s.space(); s.eat(']') {
		return true
	}
	for {
		if s.space(); !s.value(depth + 1) {
			return false
		}
		if s.space(); !s.eat(',') {
			return s.eat(']')
		}
	}
}

// special marks the bytes at which a run of plain text in a string ends.
var special = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

func (s *scanner) str() bool {
	if !s.eat('"') {
		return false
	}
	for s.i < len(s.b) {
		c := s.b[s.i]
		if !special[c] {
			s.i++
			continue
		}
		if c == '"' {
			s.i++
			return true
		}
		if c != '\\' || !s.escape() {
			return false
		}
	}
	return false
}

func (s *scanner) escape() bool {
	if s.i+1 >= len(s.b) {
		return false
	}
	c := s.b[s.i+1]
	s.i += 2
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if s.i >= len(s.b) || !isHex(s.b[s.i]) {
				return false
			}
			s.i++
		}
		return true
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func (s *scanner) number() bool {
	s.eat('-')
	if !s.eat('0') && !s.digits() {
		return false
	}
	if s.eat('.') && !s.digits() {
		return false
	}
	if s.eat('e') || s.eat('E') {
		if !s.eat('+') {
			s.eat('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > from
}

// oneLine returns JSON text without line breaks, which stand only between its
// tokens. Text without any is returned as it is; the argument is never changed.
func oneLine(text []byte) []byte {
	if !bytes.ContainsAny(text, "\n\r") {
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
