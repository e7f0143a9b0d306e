package httpapi

import (
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// An answer notes whether it has begun: from then on it cannot become another one.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= 200 // others come before the answer
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController calls.
func (a *answer) FlushError() error {
	a.begun = true
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// recovered turns a panic of a handler into an answer, or into a cut
// connection if the answer has begun.
func (s *Server) recovered(a *answer, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.opt.Logger.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "err", v, "stack", string(debug.Stack()))
	if a.begun {
		panic(http.ErrAbortHandler)
	}
	refuse(a, r, errInternal)
}

// handlers are those that run: http.Server waits for them only as long as their
// connections last. Use newHandlers to make one.
type handlers struct {
	mu    sync.Mutex // guards the fields below
	n     int
	ended bool          // nobody begins any more
	none  chan struct{} // closed once ended and nobody is left
}

func newHandlers() *handlers { return &handlers{none: make(chan struct{})} }

// enter reports whether a handler may begin; then it must leave.
func (h *handlers) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	h.n++
	return true
}

func (h *handlers) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n--
	h.tell()
}

// end lets nobody begin any more, and waits for those that run at most for the limit.
// It reports whether none is left. It may be called once.
func (h *handlers) end(limit time.Duration) bool {
	h.mu.Lock()
	h.ended = true
	h.tell()
	h.mu.Unlock()
	select {
	case <-h.none:
		return true
	case <-time.After(limit):
		return false
	}
}

// tell closes none when it is time. The caller holds mu.
func (h *handlers) tell() {
	if h.ended && h.n == 0 {
		close(h.none)
	}
}
