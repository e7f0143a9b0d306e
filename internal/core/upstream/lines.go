package upstream

import (
	"bufio"
	"bytes"
	"io"
	"runtime"
	"sync"
)

// A lineReader cuts a stream into lines of at most maxBytes, in memory that does
// not grow with what is above that.
type lineReader struct {
	r        *bufio.Reader
	maxBytes int

	// What was read of a line above the limit, for skip.
	foot []byte
	size int
	err  error // bufio.ErrBufferFull: the line goes on
}

func newLineReader(r io.Reader, maxBytes int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(polite{r}, 64<<10), maxBytes: maxBytes}
}

// A polite reader lets others run after each read that brought much: who reads what a
// server floods us with never has to wait for more, and would keep its processor for
// 10 ms at a time while calls to other servers wait for it.
type polite struct{ io.Reader }

// Read implements io.Reader.
func (p polite) Read(buf []byte) (int, error) {
	const much = 4 << 10
	n, err := p.Reader.Read(buf)
	if n >= much {
		runtime.Gosched()
	}
	return n, err
}

// A longLine is a line above the limit, of which perhaps only the head was read:
// skip must be called next.
type longLine struct{ head []byte }

func (*longLine) Error() string { return "line too long" }

// idWindow is how much of either end of a long line is searched for an id.
const idWindow = 256

// next returns the next line with its end. Unless it is kept, it is valid only
// until the next call. At the end of the stream there may be a line and an error.
func (l *lineReader) next() (line []byte, kept bool, err error) {
	var long chunks
	part, err := l.r.ReadSlice('\n')
	for err == bufio.ErrBufferFull && long.size+len(part) <= l.maxBytes {
		long.add(part)
		part, err = l.r.ReadSlice('\n')
	}
	if size := long.size + len(part); err == bufio.ErrBufferFull || size > l.maxBytes+1 { // one for the line's end
		head := append(long.head(idWindow), part[:min(idWindow, len(part))]...)
		l.foot, l.size, l.err = tailOf(append(long.foot(idWindow), part...)), size, err
		long.release()
		return nil, false, &longLine{head: head[:min(idWindow, len(head))]}
	}
	if long.size == 0 {
		return part, false, err
	}
	long.add(part)
	return long.join(), true, err
}

// skip reads on to the end of a long line. It returns the line's last bytes and
// its size.
func (l *lineReader) skip() (foot []byte, size int, err error) {
	foot, size, err = l.foot, l.size, l.err
	l.foot = nil
	for err == bufio.ErrBufferFull {
		var part []byte
		part, err = l.r.ReadSlice('\n')
		size += len(part)
		foot = tailOf(append(foot, part[max(0, len(part)-idWindow):]...))
	}
	return foot, size, err
}

// tailOf returns the last bytes of p, which it moves to its beginning.
func tailOf(p []byte) []byte { return append(p[:0], p[max(0, len(p)-idWindow):]...) }

// chunks collects what will be one slice, without the copies and the excess of a
// slice that grows.
type chunks struct {
	parts [][]byte
	size  int
}

// add copies p.
func (c *chunks) add(p []byte) {
	c.size += len(p)
	if n := len(c.parts); n > 0 {
		last := c.parts[n-1]
		fits := min(cap(last)-len(last), len(p))
		c.parts[n-1] = append(last, p[:fits]...)
		p = p[fits:]
	}
	if len(p) > 0 {
		c.parts = append(c.parts, append(newPart(max(len(p), min(c.size, partSize))), p...))
	}
}

// partSize is that of all but the first parts.
const partSize = 1 << 20

// spareParts holds those that are not in use: servers that send one huge line after the
// other would else leave many times their size to the garbage collector.
var spareParts sync.Pool // of *[partSize]byte

func newPart(size int) []byte {
	if size != partSize {
		return make([]byte, 0, size)
	}
	if p, ok := spareParts.Get().(*[partSize]byte); ok {
		return p[:0]
	}
	return make([]byte, 0, partSize)
}

// join returns what was added, and releases the parts.
func (c *chunks) join() []byte {
	all := bytes.Join(c.parts, nil)
	c.release()
	return all
}

// release gives the parts back. Nothing of c may be used after it.
func (c *chunks) release() {
	for _, p := range c.parts {
		if cap(p) == partSize {
			spareParts.Put((*[partSize]byte)(p[:partSize]))
		}
	}
	*c = chunks{}
}

// head returns a copy of the first n bytes of the first part.
func (c *chunks) head(n int) []byte {
	if len(c.parts) == 0 {
		return nil
	}
	return bytes.Clone(c.parts[0][:min(n, len(c.parts[0]))])
}

// foot returns a copy of the last n bytes of the last part.
func (c *chunks) foot(n int) []byte {
	if len(c.parts) == 0 {
		return nil
	}
	last := c.parts[len(c.parts)-1]
	return bytes.Clone(last[max(0, len(last)-n):])
}

// bom are the marks of text encodings that begin a stream, or, in UTF-16, follow
// the end of a line; none of them can begin a message.
var bom = [][]byte{[]byte("\xef\xbb\xbf"), []byte("\xff\xfe"), []byte("\xfe\xff"), []byte("\x00")}

// trimLine removes what may surround a message on its line: space, byte order
// marks and the terminal's control sequences.
func trimLine(line []byte) []byte {
	for {
		before := len(line)
		line = bytes.TrimSpace(line)
		for _, mark := range bom {
			line = bytes.TrimPrefix(line, mark)
		}
		line = line[controlLength(line):]
		if len(line) == before {
			return line
		}
	}
}

// controlLength returns the length of the control sequence that line begins with.
func controlLength(line []byte) int {
	if len(line) < 2 || line[0] != 0x1b {
		return 0
	}
	switch line[1] {
	case '[': // until a letter
		for i := 2; i < len(line); i++ {
			if '@' <= line[i] && line[i] <= '~' {
				return i + 1
			}
		}
		return 0
	case ']': // a title or a link, until BEL or ESC \
		for i := 2; i < len(line); i++ {
			if line[i] == '\a' {
				return i + 1
			}
			if line[i] == 0x1b && i+1 < len(line) && line[i+1] == '\\' {
				return i + 2
			}
		}
		return 0
	}
	return 2
}

// unwrap finds the message on a line that has more than that: a progress display
// which the terminal would overwrite before it, or control sequences after it.
func unwrap(line []byte) ([]byte, bool) {
	if cr := bytes.LastIndexByte(line, '\r'); cr >= 0 {
		line = trimLine(line[cr+1:])
	}
	end := bytes.LastIndexByte(line, '}') + 1
	if end == 0 || line[0] != '{' || len(trimLine(line[end:])) > 0 {
		return nil, false
	}
	return line[:end], true
}

// idInHead finds our id in the beginning of a reply, unless something nested comes first.
func idInHead(head []byte) (uint64, bool) {
	before, after, ok := bytes.Cut(head, []byte(`"id"`))
	if !ok || bytes.Count(before, []byte("{")) != 1 {
		return 0, false
	}
	after = bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(after, " "), []byte(":")), " ")
	end := bytes.IndexByte(after[min(1, len(after)):], '"')
	if end < 0 {
		return 0, false
	}
	return ourID(after[:end+2])
}

// idInFoot finds our id where it is the last member of a reply.
func idInFoot(foot []byte) (uint64, bool) {
	foot, ok := bytes.CutSuffix(bytes.TrimSpace(foot), []byte("}"))
	at := bytes.LastIndex(foot, []byte(`"id"`))
	if !ok || at < 0 {
		return 0, false
	}
	value := bytes.TrimPrefix(bytes.TrimSpace(foot[at+len(`"id"`):]), []byte(":"))
	return ourID(bytes.TrimSpace(value))
}
