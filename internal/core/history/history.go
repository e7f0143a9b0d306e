package history

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// Settings say what is kept.
type Settings struct {
	Enabled      bool          // at all
	MaxBytes     int64         // of the file; the oldest calls go
	MaxAge       time.Duration // of a call
	Payloads     bool          // keep what was sent and answered, too, redacted
	PayloadBytes int           // of each of both, at most
}

// Options are what a History needs.
type Options struct {
	Path     string
	Settings Settings
	Secrets  func() []string                 // values that no payload may show; nil: none
	Problem  func(problem stateview.Problem) // told what is wrong, zero when it is over; nil is told nothing
	Logger   *slog.Logger                    // nil discards
}

const (
	maxQueued      = 16_384          // calls, about 4 MB; a quarter of a second of the fastest that were measured
	maxChanges     = 8_192           // of state that are queued beyond that: calls do not displace them
	maxQueuedBytes = 8 << 20         // of payloads that wait; further calls are kept without theirs
	gather         = time.Second     // after the first of a batch, so that a disk is not written for each call
	retry          = 5 * time.Second // after a write that failed
)

// A Transition is one change of a server's state.
type Transition struct {
	Server   string
	From, To string // states
	At       time.Time
	Code     string // of the server's problem then; may be empty
	Text     string // its sentence
}

// A History is the file and the queue before it. Use New to make one; Run writes.
type History struct {
	path    string
	began   time.Time
	secrets func() []string
	problem func(stateview.Problem)
	log     *slog.Logger

	settings atomic.Pointer[Settings]
	changed  chan struct{} // one slot: there are other settings
	wake     chan struct{} // one slot: something is queued
	hurry    chan struct{} // one slot: much is
	writing  chan struct{} // one slot: see the package comment
	file     *file         // nil while there is none; belongs to who holds writing
	failing  bool          // whether the last write failed; belongs to who holds writing
	dropped  atomic.Uint64
	off      atomic.Pointer[stateview.Problem] // why nothing is kept; nil if something is

	mu    sync.Mutex // guards the fields below
	queue []item
	spare []item // an empty queue to be filled
	bytes int    // of payloads in queue
}

// An item is what waits to be written: a call, or a change.
type item struct {
	call   call.Record
	change *Transition // nil: it is a call
}

// New returns a history that has not opened its file: Run does.
func New(o Options) *History {
	h := &History{
		path: o.Path, began: time.Now(), secrets: o.Secrets, problem: o.Problem,
		log:     cmp.Or(o.Logger, slog.New(slog.DiscardHandler)).With("component", "history"),
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), writing: make(chan struct{}, 1),
	}
	if h.secrets == nil {
		h.secrets = func() []string { return nil }
	}
	if h.problem == nil {
		h.problem = func(stateview.Problem) {}
	}
	h.settings.Store(&o.Settings)
	return h
}

// Configure puts other settings into force. It returns at once.
func (h *History) Configure(s Settings) {
	if old := h.settings.Swap(&s); *old != s {
		signal(h.changed)
	}
}

// Dropped returns how many calls and changes were lost since the start of the program.
func (h *History) Dropped() uint64 { return h.dropped.Load() }

// Record queues a call. It copies what it keeps of the payload.
func (h *History) Record(r call.Record) {
	s := h.settings.Load()
	if !s.Enabled {
		return
	}
	if s.Payloads {
		r.Params, r.Answer = clip(r.Params, s.PayloadBytes), clip(r.Answer, s.PayloadBytes)
	} else {
		r.Params, r.Answer = nil, nil
	}
	h.put(item{call: r}, maxQueued)
}

// Changed queues a change of a server's state.
func (h *History) Changed(t Transition) {
	if h.settings.Load().Enabled {
		h.put(item{change: &t}, maxQueued+maxChanges)
	}
}

// put queues an item unless there are so many, or nothing is kept.
func (h *History) put(it item, limit int) {
	if h.off.Load() != nil {
		h.dropped.Add(1)
		return
	}
	size := len(it.call.Params) + len(it.call.Answer)
	h.mu.Lock()
	n := len(h.queue)
	if n < limit {
		if h.bytes+size > maxQueuedBytes {
			it.call.Params, it.call.Answer, size = nil, nil, 0
		}
		h.queue = append(h.queue, it)
		h.bytes += size
	}
	h.mu.Unlock()
	switch {
	case n >= limit:
		h.dropped.Add(1)
	case n == 0:
		signal(h.wake)
	case n == maxQueued/4:
		signal(h.hurry)
	}
}

// take empties the queue.
func (h *History) take() []item {
	h.mu.Lock()
	defer h.mu.Unlock()
	batch := h.queue
	h.queue, h.spare, h.bytes = h.spare[:0], nil, 0
	return batch
}

// reuse gives an emptied queue back, unless it is so long that it is better freed.
func (h *History) reuse(batch []item) {
	clear(batch)
	if cap(batch) > maxQueued/16 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spare = batch[:0]
}

// putBack puts a batch that was not written before what came since, as far as there is room.
func (h *History) putBack(batch []item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := append(batch, h.queue...)
	if lost := len(all) - maxQueued - maxChanges; lost > 0 {
		h.dropped.Add(uint64(lost))
		clear(all[len(all)-lost:])
		all = all[:len(all)-lost]
	}
	h.queue, h.bytes = all, 0
	for _, it := range all {
		h.bytes += len(it.call.Params) + len(it.call.Answer)
	}
}

// Run opens the file and writes to it until ctx is done, then what is queued, and
// returns nil. It may be called once.
func (h *History) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		h.writing <- struct{}{}
		h.follow()
		_ = h.flush() // told where it is found
		failing := h.failing
		<-h.writing
		h.sleep(ctx, failing)
	}
	h.writing <- struct{}{}
	h.follow()
	_ = h.flush()
	h.close()
	<-h.writing
	return nil
}

// sleep waits until there is something to do, and a while longer for more of it.
func (h *History) sleep(ctx context.Context, failing bool) {
	wait := gather
	if failing {
		wait = retry
	} else {
		select {
		case <-h.wake:
		case <-h.changed:
			return
		case <-ctx.Done():
			return
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.hurry:
	case <-h.changed:
	case <-ctx.Done():
	}
}

// follow opens or closes the file as the settings want it. The caller holds writing.
func (h *History) follow() {
	switch on := h.settings.Load().Enabled; {
	case on && h.file == nil && h.off.Load() == nil:
		h.open()
	case !on:
		h.reuse(h.take())
		h.close()
		if h.off.Swap(nil) != nil {
			h.problem(stateview.Problem{})
		}
	}
}

// locked runs fn while it alone may write. It returns ctx's cause if that takes too long.
func (h *History) locked(ctx context.Context, fn func() error) error {
	select {
	case h.writing <- struct{}{}:
		defer func() { <-h.writing }()
		return fn()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// clip copies the beginning of a payload, with room for a mark that it is one.
func clip(p []byte, most int) []byte {
	if p == nil {
		return nil
	}
	if len(p) <= most {
		return append([]byte(nil), p...)
	}
	return append(append(make([]byte, 0, most+len(cutMark)), p[:most]...), cutMark...)
}

// cutMark ends a payload of which not all was kept.
const cutMark = "…"
