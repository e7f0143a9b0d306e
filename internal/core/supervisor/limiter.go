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
	slots chan struct{}
	gap   time.Duration

	mu   sync.Mutex
	next time.Time // when the next may begin
}

func newLimiter(atOnce, perSecond int) *limiter {
	return &limiter{slots: make(chan struct{}, atOnce), gap: time.Second / time.Duration(perSecond)}
}

// acquire waits until a retry may begin; release, to be called when it has
// ended, may be called more than once. It reports false when ctx is done.
func (l *limiter) acquire(ctx context.Context) (release func(), ok bool) {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	free := sync.OnceFunc(func() { <-l.slots })
	if !sleep(ctx, l.reserve()) {
		free()
		return nil, false
	}
	held := time.AfterFunc(holdFor, free)
	return func() { held.Stop(); free() }, true
}

// reserve takes the next turn and returns how long it is until then.
func (l *limiter) reserve() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	wait := l.next.Sub(now)
	l.next = l.next.Add(l.gap)
	return wait
}
