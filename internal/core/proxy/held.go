package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

const (
	holdTime    = 10 * time.Minute // that a client may take to answer: people are asked
	maxHeld     = 1000             // requests of a scope that wait for their client
	statePrefix = "mcpproxy-tray."
)

var errUnanswered = errors.New("the client did not answer")

// A held is a request of a client without a session that its server may ask something.
// Such a client is asked by the result "input_required" and answers in the params of
// the same request, sent again; the server's request goes on meanwhile.
type held struct {
	scope  *scope
	q      *request // of the server's side: it outlives the HTTP requests
	can    json.RawMessage
	method string // what the client has to send again, with the same name
	name   string
	token  [sha256.Size]byte // of what the client proves with who it is
	answer chan reply        // one slot
	wake   chan struct{}     // one slot: there is something to ask

	mu    sync.Mutex
	at    *dialogue            // the HTTP request that is being served; nil while there is none; guarded by mu
	open  map[string]*question // by key; guarded by mu
	asked int                  // so far; guarded by mu
	timer *time.Timer          // runs while the client has to answer; guarded by mu
}

// A question is one request of a server that its client has not answered yet.
type question struct {
	method string
	params json.RawMessage
	sent   bool
	answer chan json.RawMessage // one slot; nil: it was left out
}

// Capabilities returns what the client said it can do.
func (h *held) Capabilities() json.RawMessage { return h.can }

// Modern reports that the client is of a revision without sessions.
func (h *held) Modern() bool { return true }

// Notify sends a notification if an HTTP request of the client is being served.
func (h *held) Notify(method string, params json.RawMessage) {
	h.mu.Lock()
	at := h.at
	h.mu.Unlock()
	if at != nil {
		at.Notify(method, params)
	}
}

// Ask has the client answer a request of the server when it sends its own again.
func (h *held) Ask(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	q := &question{method: method, params: params, answer: make(chan json.RawMessage, 1)}
	h.mu.Lock()
	h.asked++
	key := fmt.Sprint("input", h.asked)
	h.open[key] = q
	h.mu.Unlock()
	signal(h.wake)
	defer func() {
		h.mu.Lock()
		delete(h.open, key)
		h.mu.Unlock()
	}()
	select {
	case result = <-q.answer:
		if result == nil {
			return nil, nil, errUnanswered
		}
		return result, nil, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	case <-h.q.ctx.Done():
		return nil, nil, context.Cause(h.q.ctx)
	}
}

// questions returns what the client is to be asked, as members of inputRequests.
func (h *held) questions() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out [][]byte
	for i := range h.asked {
		key := fmt.Sprint("input", i+1)
		q := h.open[key]
		if q == nil {
			continue
		}
		q.sent = true
		params := q.params
		if params == nil { // a server may leave them out of roots/list; the Go SDK's client (1.8.0) fails without
			params = json.RawMessage("{}")
		}
		out = append(out, rawjson.OneLine(bytes.Join([][]byte{quote(key), []byte(`:{"method":`), quote(q.method), []byte(`,"params":`), params, []byte("}")}, nil)))
	}
	return out
}

// take hands the client's answers, which came with an HTTP request, to who waits for them.
func (h *held) take(d *dialogue, responses json.RawMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = d
	h.timer.Stop()
	for key, q := range h.open {
		if !q.sent {
			signal(h.wake)
			continue
		}
		delete(h.open, key)
		q.answer <- valueOf(responses, key)
	}
}

// A helds holds the requests that wait for their client, each under a state that
// nobody can guess and that is good for once.
type helds struct {
	mu      sync.Mutex
	waiting map[string]*held // by state; guarded by mu
	closed  bool             // guarded by mu
	running sync.WaitGroup   // their servers' sides
}

// run runs a server's side, unless the scope has ended.
func (l *helds) run(side func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.running.Go(side)
	return true
}

// park notes a request until its client sends it again. It returns "" if too many wait.
func (l *helds) park(h *held) (state string) {
	state = statePrefix + rand.Text()
	h.mu.Lock()
	h.timer = time.AfterFunc(holdTime, func() { l.expire(state) })
	timer := h.timer
	h.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) == maxHeld {
		timer.Stop()
		return ""
	}
	if l.waiting == nil {
		l.waiting = map[string]*held{}
	}
	l.waiting[state] = h
	return state
}

// expire ends a request whose client did not answer in time.
func (l *helds) expire(state string) {
	l.mu.Lock()
	h := l.waiting[state]
	delete(l.waiting, state)
	l.mu.Unlock()
	if h != nil {
		h.q.cancel(errUnanswered)
	}
}

// resume returns the request that a client continues. It must be the one that began it.
func (l *helds) resume(state string, m *message, token [sha256.Size]byte) (*held, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.waiting[state]
	if h == nil || h.token != token || h.method != m.method || h.name != string(m.name)+string(m.uri) {
		return nil, false
	}
	delete(l.waiting, state)
	return h, true
}

// close waits until the servers' sides have ended, which they were told to.
func (l *helds) close() {
	l.mu.Lock()
	l.closed = true
	left := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, h := range left {
		h.mu.Lock()
		h.timer.Stop()
		h.mu.Unlock()
	}
	l.running.Wait()
}

var lostState = &rejection{http.StatusBadRequest, jsonrpc.CodeInvalidParams, "What this request continues has ended, or waited for too long.", nil}

// serveHeld serves a request whose client can be asked something, or goes on with it.
func (s *scope) serveHeld(d *dialogue, r *http.Request, m *message) {
	h, wrong := s.hold(d, r, m)
	if wrong != nil {
		wrong.write(d.w, m.id)
		return
	}
	answer := h.next(d)
	h.mu.Lock()
	h.at = nil
	h.mu.Unlock()
	d.finish(answer, m.id)
}

// hold begins a request, or finds the one that is continued.
func (s *scope) hold(d *dialogue, r *http.Request, m *message) (*held, *rejection) {
	if state := unquoteString(m.state); strings.HasPrefix(state, statePrefix) {
		h, ok := s.helds.resume(state, m, tokenOf(r))
		if !ok {
			return nil, lostState
		}
		h.take(d, valueOf(m.params, "inputResponses"))
		return h, nil
	}
	q, err := s.requests.begin(context.WithoutCancel(r.Context()), "", nil)
	if err != nil {
		return nil, unbegun(err)
	}
	h := &held{
		scope: s, q: q, at: d, can: d.can, method: m.method, name: string(m.name) + string(m.uri),
		token:  tokenOf(r),
		answer: make(chan reply, 1), wake: make(chan struct{}, 1), open: map[string]*question{},
	}
	begun := s.helds.run(func() {
		defer s.requests.end(q)
		h.answer <- s.answer(q.ctx, d.from, m, h)
	})
	if !begun {
		s.requests.end(q)
		return nil, unbegun(errEnded)
	}
	return h, nil
}

// tokenOf returns what tells a client that has to prove who it is from others.
func tokenOf(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization")))
}

// next returns what the client is answered now: the answer, or what it is asked.
func (h *held) next(d *dialogue) reply {
	for {
		select {
		case answer := <-h.answer:
			return answer
		case <-d.q.ctx.Done(): // the client is gone
			h.q.cancel(context.Cause(d.q.ctx))
			return <-h.answer
		case <-h.wake:
		}
		ask := h.questions()
		if len(ask) == 0 {
			continue // withdrawn
		}
		state := h.scope.helds.park(h)
		if state == "" {
			h.q.cancel(errTooMuch)
			return <-h.answer
		}
		return reply{pieces: [][]byte{
			[]byte(`{"resultType":"input_required","inputRequests":{`), bytes.Join(ask, []byte(",")),
			[]byte(`},"requestState":"` + state + `"}`),
		}}
	}
}
