package upstream

import (
	"context"
	"errors"
	"os"
	"time"
)

// send writes one line. It implements carrier. Nobody waits longer than their own
// ctx, whatever the server does: a line that was begun is then written to its end
// by the wire, because it cannot be taken back.
func (c *child) send(ctx context.Context, m message) error {
	select {
	case c.writing <- struct{}{}:
	case <-ctx.Done():
		return unsent(context.Cause(ctx))
	case <-c.wire.life.Done():
		return unsent(c.wire.cause())
	}
	if err := c.wire.cause(); err != nil {
		<-c.writing
		return unsent(err)
	}
	line := append(m.body, '\n')
	if c.stdin.SetWriteDeadline(time.Time{}) != nil {
		return c.sendAside(ctx, line)
	}
	rest, err := c.writeUntil(ctx, line)
	if err != nil && ctx.Err() != nil && 0 < len(rest) && len(rest) < len(line) && c.wire.cause() == nil {
		c.wire.spawn(func() {
			defer func() { <-c.writing }()
			_, _ = c.write(rest) // it ends the wire if it fails
		})
		return context.Cause(ctx)
	}
	<-c.writing
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil && len(rest) == len(line) {
		return unsent(err)
	}
	return err
}

// sendAside is send where pipes have no deadlines, as on Windows: a writer that is
// stuck ends with its process.
func (c *child) sendAside(ctx context.Context, line []byte) error {
	done := make(chan error, 1)
	begun := c.wire.spawn(func() {
		defer func() { <-c.writing }()
		_, err := c.stdin.Write(line)
		done <- err
	})
	if !begun {
		<-c.writing
		return unsent(c.wire.cause())
	}
	select {
	case err := <-done:
		if err != nil {
			return c.broken(err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.wire.life.Done():
		return c.wire.cause()
	}
}

// writeUntil writes line, or as much as it can until ctx ends.
func (c *child) writeUntil(ctx context.Context, line []byte) (rest []byte, err error) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = c.stdin.SetWriteDeadline(time.Unix(1, 0)) // unsupported: the caller waits longer
	})
	rest, err = c.writeFor(ctx, line)
	if !stop() {
		<-interrupted // or it would interrupt the next writer
	}
	return rest, err
}

func (c *child) write(line []byte) (rest []byte, err error) {
	return c.writeFor(c.wire.life, line)
}

// writeFor writes line unless ctx ends. A server that reads slowly, or says
// something while it does not read, has all the time it needs; one that does
// neither for the time limit is given up.
func (c *child) writeFor(ctx context.Context, line []byte) (rest []byte, err error) {
	for {
		heard := c.wire.received.Load()
		_ = c.stdin.SetWriteDeadline(time.Now().Add(c.limits.Write)) // unsupported on some systems: no deadline then
		if ctx.Err() != nil {
			return line, context.Cause(ctx)
		}
		n, err := c.stdin.Write(line)
		line = line[n:]
		switch {
		case err == nil:
			_ = c.stdin.SetWriteDeadline(time.Time{}) // no timer is left to wake an idle program
			return nil, nil
		case c.wire.cause() != nil:
			return line, c.wire.cause()
		case ctx.Err() != nil:
			return line, context.Cause(ctx)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return line, c.broken(err)
		case n == 0 && heard == c.wire.received.Load():
			c.wire.end(pStdinStuck.with().because(err))
			return line, c.wire.cause()
		}
	}
}

// broken says why the pipe is: the process has ended or will, and run knows why.
func (c *child) broken(err error) error {
	t := time.NewTimer(2 * exitGrace)
	defer t.Stop()
	select {
	case <-c.wire.life.Done():
	case <-t.C:
		c.wire.end(pStdinStuck.with().because(err))
	}
	return c.wire.cause()
}
