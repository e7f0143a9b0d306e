package upstream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strconv"
	"time"
)

// Bounds of the pause before a stream is opened again.
const (
	minRetry = 500 * time.Millisecond
	maxRetry = 5 * time.Minute
)

// An event is one server-sent event. data is the receiver's to keep.
type event struct {
	name string
	data []byte
}

// An eventReader reads a stream of server-sent events, each at most maxBytes.
type eventReader struct {
	r        *bufio.Reader
	maxBytes int
	lastID   string        // of the last event that had one
	retry    time.Duration // what the server asked to wait before a resume
}

// newEventReader reads from body. Its buffer is small: each call that waits for an
// event of its own has one.
func newEventReader(body io.Reader, maxBytes int) *eventReader {
	return &eventReader{r: bufio.NewReaderSize(body, 4<<10), maxBytes: maxBytes}
}

// next returns a reader that goes on with another body.
func (er *eventReader) next(body io.Reader) *eventReader {
	n := newEventReader(body, er.maxBytes)
	n.lastID, n.retry = er.lastID, er.retry
	return n
}

// each calls fn for each complete event with data until it returns false. An
// event that the stream's end cut off is dropped, as the specification asks; so is
// its id, or the event would be missing after a resume.
func (er *eventReader) each(fn func(event) bool) error {
	var e event
	id := er.lastID
	for {
		line, kept, err := er.line(len(e.data))
		if err != nil {
			return err
		}
		if len(line) == 0 {
			er.lastID = id
			if e.data != nil && !fn(event{e.name, bytes.TrimSuffix(e.data, []byte("\n"))}) {
				return nil
			}
			e = event{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "data":
			switch {
			case kept && e.data == nil:
				e.data = append(value, '\n') // where the line's end was
			case len(value) > 0 || e.data != nil:
				e.data = append(append(e.data, value...), '\n')
			}
			if len(e.data) > er.maxBytes+1 {
				return errTooLarge
			}
		case "event":
			e.name = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				id = string(value)
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				er.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// line returns the next line without its end. Unless it is kept, it is valid only
// until the next call.
func (er *eventReader) line(have int) (line []byte, kept bool, err error) {
	part, err := er.r.ReadSlice('\n')
	var long chunks
	for err == bufio.ErrBufferFull {
		if have+long.size+len(part) > er.maxBytes {
			long.release()
			return nil, false, errTooLarge
		}
		long.add(part)
		part, err = er.r.ReadSlice('\n')
	}
	if err != nil {
		return nil, false, err
	}
	if long.size > 0 {
		long.add(part)
		part, kept = long.join(), true
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(part, []byte("\n")), []byte("\r")), kept, nil
}

// pause waits before a stream is opened again, at least minRetry.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(min(max(d, minRetry), maxRetry))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
