package rawjson

// A scanner walks over JSON text without building anything.
type scanner struct {
	b    []byte
	i    int
	deep bool // something nested deeper than MaxDepth was skipped
}

func (s *scanner) end() error {
	if s.space(); s.i != len(s.b) {
		return ErrNotJSON
	}
	if s.deep {
		return ErrTooDeep
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
	if depth > MaxDepth {
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
