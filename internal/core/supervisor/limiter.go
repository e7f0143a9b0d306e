package supervisor

import (
	"slices"
	"sync"
	"time"
)

// holdFor is how long a retry, or the start of a server at an address, counts as
// beginning: one that hangs must not keep others from being tried.
const holdFor = time.Second

// An urgency says who goes first of those that wait for their turn.
type urgency uint8

// The urgencies, from the least to the most.
const (
	usual   urgency = iota
	fresh           // its first retry since it was healthy
	awaited         // a request waits for it
)

// oldestEvery is how often the turn is of who waits longest, however urgent others
// are: then nobody waits for ever.
const oldestEvery = 4

// A limiter spaces the retries of all servers, so that many that fail together
// are no storm. The first start of a server does not pass it, nor does one at an
// address whose retry is spread over Stagger. Its methods may be called concurrently.
type limiter struct {
	atOnce int // processes, which cost most while they begin
	gap    time.Duration

	mu      sync.Mutex // guards what follows, and in tickets all but ready
	waiting []*ticket  // in the order in which they came
	held    int        // slots of processes that begin
	turns   int        // so far
	next    time.Time  // when the next turn may come
	armed   bool       // a timer runs until then
}

// A ticket is one retry's place in the queue, and then its slot.
type ticket struct {
	limiter *limiter
	at      place
	ready   chan struct{} // closed when its turn has come
	urgency urgency
	hold    *time.Timer // gives the slot back; nil without one
}

func newLimiter(atOnce, perSecond int) *limiter {
	return &limiter{atOnce: atOnce, gap: time.Second / time.Duration(perSecond)}
}

// queue returns a ticket for a retry; done must be called on it.
func (l *limiter) queue(at place, u urgency) *ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &ticket{limiter: l, at: at, urgency: u, ready: make(chan struct{})}
	l.waiting = append(l.waiting, t)
	l.grant()
	return t
}

// hurry makes a ticket at least so urgent.
func (t *ticket) hurry(u urgency) {
	t.limiter.mu.Lock()
	defer t.limiter.mu.Unlock()
	t.urgency = max(t.urgency, u)
}

// done leaves the queue, or says that what had its turn has ended. It may be
// called more than once.
func (t *ticket) done() {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(x *ticket) bool { return x == t })
	if t.hold != nil {
		t.hold.Stop()
		t.hold = nil
		l.held--
	}
	l.grant()
}

// grant gives all turns that are due. l.mu is held.
func (l *limiter) grant() {
	for t := l.first(); t != nil; t = l.first() {
		if wait := time.Until(l.next); wait > 0 {
			l.arm(wait)
			return
		}
		l.waiting = slices.DeleteFunc(l.waiting, func(x *ticket) bool { return x == t })
		l.next = time.Now().Add(l.gap)
		l.turns++
		if t.at == child {
			l.held++
			t.hold = time.AfterFunc(holdFor, t.done)
		}
		close(t.ready)
	}
}

// first returns whose turn is next, nil if nobody's. l.mu is held.
func (l *limiter) first() (next *ticket) {
	oldest := l.turns%oldestEvery == oldestEvery-1
	for _, t := range l.waiting {
		switch {
		case t.at == child && l.held >= l.atOnce:
		case next == nil && oldest:
			return t
		case next == nil, t.urgency > next.urgency:
			next = t
		}
	}
	return next
}

// arm has the next turn given when it is due. l.mu is held.
func (l *limiter) arm(wait time.Duration) {
	if l.armed {
		return
	}
	l.armed = true
	time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.armed = false
		l.grant()
	})
}
