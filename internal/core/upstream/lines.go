package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// After this much output that is not MCP, without an MCP message in between, the
// process is taken for something else than a server.
const (
	maxJunkLines = 1000
	maxJunkBytes = 1 << 20
)

// idWindow is how much of a message that is too large is searched for its id.
const idWindow = 256

// readStdout hands each line to the wire until the output ends.
func (c *child) readStdout(maxBytes int) error {
	r := bufio.NewReaderSize(c.stdout, 64<<10)
	junkLines, junkBytes := 0, 0
	for {
		line, err := readLine(r, maxBytes)
		if tooLong, ok := errors.AsType[*longLine](err); ok {
			c.refuse(tooLong, maxBytes)
			continue
		}
		if msg := trimLine(line); len(msg) > 0 {
			if _, err := c.wire.deliver(msg); err == nil {
				junkLines, junkBytes = 0, 0
			} else {
				c.say(line)
				junkLines++
				junkBytes += len(line)
			}
		}
		if junkLines > maxJunkLines || junkBytes > maxJunkBytes {
			return pGarbage.with()
		}
		if err != nil {
			return err
		}
	}
}

// trimLine removes what surrounds a message on its line, a byte order mark included.
func trimLine(line []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimSpace(line), []byte("\xef\xbb\xbf"))
}

// A longLine is a line above the limit; head is its beginning, the rest was skipped.
type longLine struct{ head, foot []byte }

func (*longLine) Error() string { return "line too long" }

// readLine returns the next line, which the caller owns. A line above the limit
// is skipped to its end and reported as *longLine.
func readLine(r *bufio.Reader, maxBytes int) ([]byte, error) {
	part, err := r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return bytes.Clone(part), err
	}
	line := bytes.Clone(part)
	for err == bufio.ErrBufferFull && len(line) <= maxBytes {
		part, err = r.ReadSlice('\n')
		line = append(line, part...)
	}
	if len(line) <= maxBytes {
		return line, err
	}
	long := &longLine{head: bytes.Clone(line[:idWindow])}
	foot := bytes.Clone(line[len(line)-idWindow:])
	line = nil
	for err == bufio.ErrBufferFull {
		part, err = r.ReadSlice('\n')
		foot = append(foot, part...)
		foot = append(foot[:0], foot[max(0, len(foot)-idWindow):]...)
	}
	long.foot = foot
	if err != nil {
		return nil, errors.Join(long, err)
	}
	return nil, long
}

// refuse fails the call whose answer was too large, if the answer tells which it was.
func (c *child) refuse(l *longLine, maxBytes int) {
	c.wire.log.Warn("message too large", "max_bytes", maxBytes)
	id, ok := idInHead(l.head)
	if !ok {
		id, ok = idInFoot(l.foot)
	}
	if ok {
		c.wire.fail(id, pTooLarge.with(maxBytes>>20))
	}
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

// readStderr takes everything the server says, always, so that it never blocks.
func (c *child) readStderr() {
	buf := make([]byte, 32<<10)
	for {
		n, err := c.stderr.Read(buf)
		if n > 0 {
			_, _ = c.tail.Write(buf[:n]) // never fails
			c.say(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// say writes to the server's log, if there is one.
func (c *child) say(p []byte) {
	if c.log == nil {
		return
	}
	c.logMu.Lock()
	defer c.logMu.Unlock()
	_, _ = c.log.Write(p) // a log that fails must not disturb the server
}

func closeLog(log io.Writer) {
	if closer, ok := log.(io.Closer); ok {
		_ = closer.Close() // as above
	}
}

func exitCode(code int) string { return fmt.Sprintf("exit code %d", code) }
