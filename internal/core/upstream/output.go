package upstream

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"mcpproxy-tray/internal/core/rawjson"
)

// After this much output that is not MCP, without an MCP message in between, the
// process is taken for something else than a server.
const (
	maxJunkLines = 1000
	maxJunkBytes = 1 << 20
)

// Counts says what a session has received and thrown away.
type Counts struct {
	SkippedLines uint64 // that are no messages
	DroppedBytes uint64 // of those lines, and of messages above a limit
	StrayReplies uint64 // that answer nothing we wait for: unknown, repeated, too late
}

// counters are the living form of Counts.
type counters struct{ skippedLines, droppedBytes, strayReplies atomic.Uint64 }

func (c *counters) read() Counts {
	return Counts{c.skippedLines.Load(), c.droppedBytes.Load(), c.strayReplies.Load()}
}

// An output is what a process writes to its stdout.
type output struct {
	*child
	lines                *lineReader
	veil                 *veil
	junkLines, junkBytes int // since the last message
	warned               bool
}

// readStdout hands each line to the wire until the output ends.
func (c *child) readStdout(stdout io.Reader, maxBytes int) error {
	o := output{child: c, lines: newLineReader(stdout, maxBytes), veil: newVeil(c.wire.secrets)}
	defer func() { c.say(o.veil.rest()) }()
	for {
		line, kept, err := o.lines.next()
		if long, ok := errors.AsType[*longLine](err); ok {
			o.refuse(long.head)
			err = nil // that of the stream comes again
		} else if msg := trimLine(line); len(msg) > 0 {
			if o.deliver(msg, kept) {
				o.junkLines, o.junkBytes = 0, 0
			} else {
				o.skip(line, len(line))
				o.junkBytes += len(line)
			}
		}
		if o.junkLines > maxJunkLines || o.junkBytes > maxJunkBytes {
			return pGarbage.with()
		}
		if err != nil {
			return err
		}
	}
}

// deliver reports whether there was a message on the line.
func (o *output) deliver(msg []byte, kept bool) bool {
	_, err := o.wire.deliver(msg, kept)
	if errors.Is(err, rawjson.ErrNotJSON) {
		if inner, ok := unwrap(msg); ok {
			_, err = o.wire.deliver(inner, kept)
		}
	}
	return err == nil || errors.Is(err, rawjson.ErrTooDeep)
}

// skip notes a line that is no message. What is known of its text goes to the server's log.
func (o *output) skip(text []byte, size int) {
	o.say(o.veil.take(text))
	o.junkLines++
	o.wire.counts.skippedLines.Add(1)
	o.wire.counts.droppedBytes.Add(uint64(size))
	o.wire.hold(&o.wire.flood, size)
	if !o.warned {
		o.warned = true
		o.wire.log.Warn("output that is not MCP is skipped; see the server's log")
	}
}

// refuse skips a line above the limit and fails the call that it answers, as
// soon as it is known which one that is.
func (o *output) refuse(head []byte) {
	limit := o.lines.maxBytes
	isMessage := len(trimLine(head)) > 0 && trimLine(head)[0] == '{'
	id, known := idInHead(head)
	if known {
		o.wire.fail(id, pTooLarge.with(limit>>20))
	}
	foot, skipped, _ := o.lines.skip() // the stream's error comes again
	if !isMessage {
		head = head[:o.wire.secrets.openEnd(head)] // the rest may be the beginning of a secret
		o.skip(fmt.Appendf(nil, "%s… (%d MB on one line)\n", head, skipped>>20), skipped)
		return
	}
	o.wire.counts.droppedBytes.Add(uint64(skipped))
	o.wire.log.Warn("message too large", "bytes", skipped, "max_bytes", limit)
	if id, ok := idInFoot(foot); ok && !known {
		o.wire.fail(id, pTooLarge.with(limit>>20))
	}
}

// readStderr takes everything the server says, always, so that it never blocks.
func (c *child) readStderr() {
	buf := make([]byte, 32<<10)
	shown, said, spoken := newVeil(c.wire.secrets), polite{c.stderr}, flood{}
	for {
		n, err := said.Read(buf)
		if n > 0 {
			_, _ = c.tail.Write(buf[:n]) // never fails
			c.say(shown.take(buf[:n]))
			c.wire.hold(&spoken, n)
		}
		if err != nil {
			c.say(shown.rest())
			return
		}
	}
}

// say writes to the server's log, if there is one.
func (c *child) say(p []byte) {
	if c.log == nil || len(p) == 0 {
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
