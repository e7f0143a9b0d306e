package guard

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// StopContext returns a context that is done when the program is asked to end. Under
// a guard that is all: the guard decides what a second signal means, because the end
// of a session and service managers send the same signal to both. Without a guard a
// second signal ends everything at once. stop must be called; it returns when nothing
// of it runs any more.
func (t *Tree) StopContext(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, stopSignals()...)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { t.heed(signals, cancel, done) })
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
		wg.Wait()
		cancel()
	})
}

// lookForGuard is how often an app that is ending looks whether its guard lives.
const lookForGuard = 10 * time.Millisecond

// orphanGrace is how long servers may take to end when the guard was killed. Whoever
// did that may kill this process next, so there is no time for the usual politeness.
const orphanGrace = 100 * time.Millisecond

func (t *Tree) heed(signals <-chan os.Signal, cancel func(), done <-chan struct{}) {
	asked := false
	orphaned := t.guard == 0 // or has been told that the guard is dead
	// The signal that tells of the guard's death can come before the death is over.
	look := time.NewTicker(lookForGuard)
	look.Stop()
	defer look.Stop()
	for {
		select {
		case <-done:
			return
		case <-look.C:
			if t.Guard() == 0 {
				look.Stop()
				_ = t.KillAll(orphanGrace) // what cannot be killed is reported by whoever stops it
			}
		case sig := <-signals:
			if !asked && t.guard != 0 {
				look.Reset(lookForGuard)
			}
			alone := t.Guard() == 0
			if asked && alone && orphaned && sig != syscall.SIGHUP {
				_ = t.KillAll(0) // what cannot be killed stays
				dieOf(sig)
			}
			orphaned = orphaned || alone
			asked = true
			cancel()
		}
	}
}
