package history

import (
	"cmp"
	"context"
	"encoding/json"
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
	maxSpareBytes  = 1 << 20         // of a batch that is kept for the next one
	maxQueuedBytes = 8 << 20         // of payloads that wait; further calls are kept without theirs
	gather         = time.Second     // after the first of a batch, so that a disk is not written for each call
	retry          = 5 * time.Second // after a write that failed
	redactAtEnd    = time.Second     // of payloads when the program ends; further calls are kept without theirs
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
	redactBy atomic.Pointer[time.Time]         // until when payloads are redacted; nil: for ever
	unread   atomic.Int64                      // bytes of answers that wait to be read

	mu    sync.Mutex // guards the fields below
	queue batch
	spare batch // an empty one to be filled
}

// A batch is what waits to be written, with room for its payloads.
type batch struct {
	items []item
	room  []byte // payloads point into it, or into one that it has outgrown
	held  int    // bytes of payloads elsewhere: of items that were put back
}

// An item is what waits to be written: a call, or a change.
type item struct {
	call   call.Record
	unread json.RawMessage // the whole answer, of which call has what is kept; nil if it was read
	change *Transition     // nil: it is a call
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

// Record queues a call. It copies what it keeps of the payload, and holds the answer
// until it was read.
func (h *History) Record(r call.Record) {
	s := h.settings.Load()
	if !s.Enabled {
		return
	}
	payload := 0
	if s.Payloads {
		payload = s.PayloadBytes
	}
	it := item{call: r}
	h.readLater(&it)
	if !h.put(it, payload, maxQueued) {
		h.unread.Add(-int64(len(it.unread)))
	}
}

// Changed queues a change of a server's state.
func (h *History) Changed(t Transition) {
	if h.settings.Load().Enabled {
		h.put(item{change: &t}, 0, maxQueued+maxChanges)
	}
}

// put queues an item, with so much of its payloads, unless there are too many or
// nothing is kept, which it reports as false.
func (h *History) put(it item, payload, limit int) bool {
	if h.off.Load() != nil {
		h.dropped.Add(1)
		return false
	}
	h.mu.Lock()
	n := len(h.queue.items)
	if n < limit {
		if len(h.queue.room)+h.queue.held+2*payload > maxQueuedBytes {
			payload = 0
		}
		it.call.Params = h.queue.keep(it.call.Params, payload)
		it.call.Answer = h.queue.keep(it.call.Answer, payload)
		h.queue.items = append(h.queue.items, it)
	}
	h.mu.Unlock()
	switch {
	case n >= limit:
		h.dropped.Add(1)
	case n == 0:
		signal(h.wake)
	case n == maxQueued/4 || h.unread.Load() > maxUnread/2:
		signal(h.hurry)
	}
	return n < limit
}

// keep copies a payload, or its beginning and a mark that it is one.
func (b *batch) keep(p []byte, most int) []byte {
	if p == nil || most == 0 {
		return nil
	}
	start := len(b.room)
	if len(p) <= most {
		b.room = append(b.room, p...)
	} else {
		b.room = append(append(b.room, p[:most]...), cutMark...)
	}
	return b.room[start:len(b.room):len(b.room)]
}

// take empties the queue and reads what is unread.
func (h *History) take() batch {
	h.mu.Lock()
	taken := h.queue
	h.queue, h.spare = h.spare, batch{}
	h.mu.Unlock()
	for i := range taken.items {
		h.read(&taken.items[i])
	}
	return taken
}

// reuse gives a batch back that was written, unless it is so large that it is better freed.
func (h *History) reuse(b batch) {
	clear(b.items)
	if cap(b.items) > maxQueued/16 || cap(b.room) > maxSpareBytes {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spare = batch{items: b.items[:0], room: b.room[:0]}
}

// putBack puts items that were not written before what came since, as far as there is room.
func (h *History) putBack(items []item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, it := range items {
		h.queue.held += len(it.call.Params) + len(it.call.Answer)
	}
	all := append(items, h.queue.items...)
	if lost := len(all) - maxQueued - maxChanges; lost > 0 {
		h.dropped.Add(uint64(lost))
		clear(all[len(all)-lost:])
		all = all[:len(all)-lost]
	}
	h.queue.items = all
}

// Run opens the file and writes to it until ctx is done, then what is queued, and
// returns nil. It may be called once.
func (h *History) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { h.redactBy.Store(new(time.Now().Add(redactAtEnd))) })()
	for ctx.Err() == nil {
		h.writing <- struct{}{}
		h.follow()
		if h.flush() == nil { // else it is told where it is found
			h.expire()
		}
		failing, rest := h.failing, h.rest()
		<-h.writing
		h.sleep(ctx, failing, rest)
	}
	h.writing <- struct{}{}
	h.follow()
	_ = h.flush()
	h.close()
	<-h.writing
	return nil
}

// sleep waits until there is something to do, and a while longer for more of it; but for
// no longer than rest.
func (h *History) sleep(ctx context.Context, failing bool, rest time.Duration) {
	wait := gather
	if failing {
		wait = retry
	} else {
		t := time.NewTimer(rest)
		defer t.Stop()
		select {
		case <-h.wake:
		case <-t.C:
			return
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

// cutMark ends a payload of which not all was kept.
const cutMark = "…"
