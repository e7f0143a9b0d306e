package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
)

// A request is one that is being served. Its id is the client's.
type request struct {
	key    requestKey
	ctx    context.Context // of the request: its end is the request's
	cancel context.CancelCauseFunc
}

// A requestKey finds a request: within a session by its id, else by a number of ours.
type requestKey struct {
	session, id string
	n           uint64
}

var (
	errIDInUse   = errors.New("another request with this id is being served")
	errEnded     = errors.New("the endpoint has ended")
	errCancelled = errors.New("the client cancelled the request")
)

// A requests holds the requests that a scope serves.
type requests struct {
	mu     sync.Mutex
	open   map[requestKey]*request // guarded by mu
	last   uint64                  // number given out; guarded by mu
	closed bool                    // guarded by mu
}

// begin notes a request, of no session if that is "". It ends with ctx.
func (r *requests) begin(ctx context.Context, session string, id json.RawMessage) (*request, error) {
	q := &request{key: requestKey{session: session, id: string(id)}}
	q.ctx, q.cancel = context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if session == "" {
		r.last++
		q.key = requestKey{n: r.last}
	}
	if r.open[q.key] != nil {
		return nil, errIDInUse
	}
	if r.closed {
		return nil, errEnded
	}
	if r.open == nil {
		r.open = map[requestKey]*request{}
	}
	r.open[q.key] = q
	return q, nil
}

// end forgets a request.
func (r *requests) end(q *request) {
	r.mu.Lock()
	delete(r.open, q.key)
	r.mu.Unlock()
	q.cancel(nil)
}

// cancel ends a request that its client wants no more.
func (r *requests) cancel(session string, id json.RawMessage) {
	r.mu.Lock()
	q := r.open[requestKey{session: session, id: string(id)}]
	r.mu.Unlock()
	if q != nil {
		q.cancel(errCancelled)
	}
}

// endSession ends all requests of a session.
func (r *requests) endSession(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, q := range r.open {
		if key.session == session {
			q.cancel(errCancelled)
		}
	}
}

// close ends all requests; none begins any more.
func (r *requests) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, q := range r.open {
		q.cancel(errEnded)
	}
}
