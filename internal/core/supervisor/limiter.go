package supervisor

import (
	"context"
	"sync"
	"time"
)

// holdFor is how long a retry counts as beginning: a server that hangs while it
// is opened must not keep others from being retried.
const holdFor = time.Second

// A limiter spaces the retries of all servers, so that many that fail together
// are no storm. The first start of a server does not pass it.
type limiter struct {
	slots chan struct{} // for servers that are processes, which cost most while they begin
	gap   time.Duration
	turn  chan struct{} // one slot: who has it is the next one
	next  time.Time     // when that one may begin; belongs to who has the turn
}

func newLimiter(atOnce, perSecond int) *limiter {
	return &limiter{slots: make(chan struct{}, atOnce), turn: make(chan struct{}, 1), gap: time.Second / time.Duration(perSecond)}
}

// acquire waits until a retry may begin; release, to be called when it has
// ended, may be called more than once. It reports false when ctx is done.
func (l *limiter) acquire(ctx context.Context, at place) (release func(), ok bool) {
	if at != child {
		return func() {}, l.pace(ctx)
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	free := sync.OnceFunc(func() { <-l.slots })
	if !l.pace(ctx) {
		free()
		return nil, false
	}
	held := time.AfterFunc(holdFor, free)
	return func() { held.Stop(); free() }, true
}

// pace waits for the turn of one more.
func (l *limiter) pace(ctx context.Context) bool {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return false
	}
	if !sleep(ctx, time.Until(l.next)) {
		return false
	}
	l.next = time.Now().Add(l.gap)
	return true
}
