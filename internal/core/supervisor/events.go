package supervisor

import (
	"context"
	"iter"
	"sync"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A Transition is one change of a server's state. A server that is added begins
// in Disabled; one that is removed ends without a further transition.
type Transition struct {
	Seq     uint64 // 1, 2, … in the order in which they happened
	Server  string
	From    stateview.State
	To      stateview.State
	At      time.Time
	Problem stateview.Problem // the server's problem then
}

// A history is an endless list of transitions. Each subscriber walks it at its own
// pace; what all of them have passed is garbage. The writer waits for nobody.
type history struct {
	mu   sync.Mutex
	tail *link // the next one to be filled in
}

type link struct {
	ready chan struct{} // closed once t and next are set
	t     Transition
	next  *link // nil at the end of the history
}

func newLink() *link { return &link{ready: make(chan struct{})} }

func (h *history) end() *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tail
}

func (h *history) append(t Transition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.tail
	h.tail = newLink()
	l.t, l.next = t, h.tail
	close(l.ready)
}

// close ends the history; nothing may be appended after.
func (h *history) close() { close(h.end().ready) }

// Subscribe returns all transitions that happen after this call, in order and
// without loss. It ends when Run has ended, or when ctx is done; all that had
// happened by then is delivered first. Nobody is waited for: what a slow
// subscriber has not taken yet is kept in memory for it. Take it once.
func (s *Supervisor) Subscribe(ctx context.Context) iter.Seq[Transition] {
	l := s.history.end()
	return func(yield func(Transition) bool) {
		for {
			select {
			case <-l.ready:
			default:
				select {
				case <-l.ready:
				case <-ctx.Done():
					return
				}
			}
			if l.next == nil || !yield(l.t) {
				return
			}
			l = l.next
		}
	}
}
