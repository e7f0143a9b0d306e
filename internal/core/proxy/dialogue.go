package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/rawjson"
)

// Bounds for a client that does not read what is sent to it.
const (
	maxEvents     = 256              // that wait to be written, of one request
	maxEventBytes = 1 << 20          // of them together
	writeTime     = 30 * time.Second // of an answer
	listenTime    = 5 * time.Second  // of what a session is told on its own stream: others wait meanwhile
)

var (
	errNoStream = errors.New("the client takes no event stream")
	errTooMuch  = errors.New("the client does not keep up")
	errOver     = errors.New("the request has been answered")
)

// A dialogue is one request's client as its server sees it, see call.Client, while
// the HTTP request is served. The answer is JSON unless something has to be sent
// before: then it is an event stream, and the answer its last event.
type dialogue struct {
	scope *scope
	q     *request
	from  *caller
	can   json.RawMessage // the client's capabilities
	level int             // of a revision without sessions: that of the log messages the request asked for; -1: none

	w       http.ResponseWriter // once the stream is open its goroutine's alone, until that has ended
	wake    chan struct{}       // one slot: there is something to write, or all has been said
	written sync.WaitGroup      // the stream's goroutine

	mu     sync.Mutex
	events [][]byte // to be written; guarded by mu
	size   int      // of events; guarded by mu
	open   bool     // whether the stream has begun; guarded by mu
	over   bool     // whether nothing more is taken; guarded by mu
	broken bool     // whether the client cannot be written to; guarded by mu
}

// A peer is what the requests of one session have in common.
type peer struct {
	scope   *scope
	session string
}

// Peer tells the requests of one session from others; see call.PeerOf.
func (d *dialogue) Peer() any {
	if d.from.session == "" {
		return d
	}
	return peer{d.scope, d.from.session}
}

// Capabilities returns what the client said it can do.
func (d *dialogue) Capabilities() json.RawMessage { return d.can }

// Modern reports whether the client is of a revision without sessions.
func (d *dialogue) Modern() bool { return d.from.modern }

// Notify sends a notification ahead of the answer, or drops it.
func (d *dialogue) Notify(method string, params json.RawMessage) {
	if d.wants(method, params) {
		_ = d.send(rpcNotification(method, params)) // what the client cannot take is dropped
	}
}

// Ask sends a request of the server and waits for the client's answer.
func (d *dialogue) Ask(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	if d.from.session == "" {
		return nil, nil, errNoStream
	}
	id, answer := d.scope.asked.begin(d.from.session)
	defer d.scope.asked.end(d.from.session, id)
	if err := d.send(rpcRequest(id, method, params)); err != nil {
		return nil, nil, err
	}
	select {
	case m := <-answer:
		return m.result, m.rpcErr, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-d.q.ctx.Done():
		err = context.Cause(d.q.ctx)
	}
	_ = d.send(rpcNotification("notifications/cancelled", []byte(`{"requestId":"`+id+`"}`)))
	return nil, nil, err
}

// send queues a message for the stream, which it opens if need be.
func (d *dialogue) send(msg []byte) error {
	if !d.from.stream {
		return errNoStream
	}
	event := bytes.Join(asEvent([][]byte{msg}), nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.over || d.broken:
		return errOver
	case len(d.events) == maxEvents || d.size+len(event) > maxEventBytes && len(d.events) > 0:
		return errTooMuch
	}
	d.events, d.size = append(d.events, event), d.size+len(event)
	if !d.open {
		d.open = true
		d.written.Go(d.stream)
	}
	signal(d.wake)
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stream writes events until all has been said or the client is gone.
func (d *dialogue) stream() {
	beginStream(d.w)
	control := http.NewResponseController(d.w)
	for {
		d.mu.Lock()
		events, over := d.events, d.over
		d.events, d.size = nil, 0
		d.mu.Unlock()
		if len(events) == 0 && over {
			return
		}
		if len(events) == 0 {
			select {
			case <-d.wake:
			case <-d.q.ctx.Done():
				return
			}
			continue
		}
		_, err := d.w.Write(bytes.Join(events, nil))
		if err == nil {
			err = control.Flush()
		}
		if err != nil {
			d.mu.Lock()
			d.broken = true
			d.mu.Unlock()
			d.q.cancel(err)
			return
		}
	}
}

func beginStream(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	w.WriteHeader(http.StatusOK)
}

// finish sends the answer. Nothing is sent after it.
func (d *dialogue) finish(answer reply, id json.RawMessage) {
	d.mu.Lock()
	d.over = true
	open := d.open
	d.mu.Unlock()
	signal(d.wake)
	d.written.Wait()
	if !open {
		writeMessage(d.w, d.from, answer.status(d.from.modern), answer.envelope(id))
		return
	}
	if d.broken {
		return
	}
	for _, p := range asEvent(answer.envelope(id)) {
		if _, err := d.w.Write(p); err != nil {
			return
		}
	}
}

// rpcNotification returns a notification on one line.
func rpcNotification(method string, params json.RawMessage) []byte {
	return rpcMessage(nil, method, params)
}

// rpcRequest returns a request on one line.
func rpcRequest(id, method string, params json.RawMessage) []byte {
	return rpcMessage([]byte(`"id":"`+id+`",`), method, params)
}

func rpcMessage(id []byte, method string, params json.RawMessage) []byte {
	parts := [][]byte{[]byte(`{"jsonrpc":"2.0",`), id, []byte(`"method":`), quote(method)}
	if params != nil {
		parts = append(parts, []byte(`,"params":`), rawjson.OneLine(params))
	}
	return bytes.Join(append(parts, []byte(`}`)), nil)
}
