package httpapi

import (
	"context"
	"slices"
	"sync"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// pause is how long those that read are served alone, after a change and after each
// turn: whoever does not read does not notice.
const pause = time.Millisecond

// A lane is where feeds wait whose readers do not read. One after the other is
// served while the others sleep, so that a thousand of them do not hold up a reader
// that does read. Use newLane to make one.
type lane struct {
	came chan struct{} // one slot: somebody came
	done chan struct{} // one slot: the one that had the turn gives it back

	mu      sync.Mutex // guards waiting
	waiting []*feed    // who came first is first
}

func newLane() *lane {
	return &lane{came: make(chan struct{}, 1), done: make(chan struct{}, 1)}
}

// run gives the turn to one feed after the other that does not know the newest
// snapshot, until ctx is done.
func (l *lane) run(ctx context.Context, view *stateview.View) {
	for {
		newest := view.Snapshot()
		f, more := l.take(newest)
		var came, changed, done <-chan struct{}
		switch {
		case f != nil:
			f.turn <- struct{}{}
			done = l.done
		case more:
			changed, came = newest.Changed(), l.came
		default:
			came = l.came
		}
		select {
		case <-ctx.Done():
			return
		case <-came:
		case <-changed:
		case <-done:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// enter has a feed wait for its turn, which f.turn tells.
func (l *lane) enter(f *feed) {
	l.mu.Lock()
	l.waiting = append(l.waiting, f)
	l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default: // it will look anyway
	}
}

// leave has a feed wait no longer. If it has got the turn meanwhile, it gives it back.
func (l *lane) leave(f *feed) {
	l.mu.Lock()
	i := slices.Index(l.waiting, f)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	l.mu.Unlock()
	if i < 0 {
		<-f.turn
		l.pass()
	}
}

// pass gives the turn back.
func (l *lane) pass() { l.done <- struct{}{} }

// take removes and returns the first that does not know the newest snapshot; more
// says whether others wait.
func (l *lane) take(newest *stateview.Snapshot) (f *feed, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.waiting, func(f *feed) bool { return f.snap != newest })
	if i < 0 {
		return nil, len(l.waiting) > 0
	}
	f = l.waiting[i]
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return f, true
}
