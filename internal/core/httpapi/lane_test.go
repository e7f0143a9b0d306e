package httpapi

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLaneServesOneAfterTheOther: those that do not know the newest state, who came
// first is first; also one that comes with an older state while all others know the newest.
func TestLaneServesOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := sampleView()
		l := newLane()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { l.run(ctx, v) })
		older := v.Snapshot()
		change(v, 1)
		feeds := map[string]*feed{}
		for _, name := range []string{"a", "b", "c", "late"} {
			feeds[name] = &feed{snap: v.Snapshot(), turn: make(chan struct{}, 1)}
		}
		var turns []string
		serve := func(name string) {
			t.Helper()
			select {
			case <-feeds[name].turn:
				turns = append(turns, name)
				feeds[name].snap = v.Snapshot()
				l.pass()
			case <-time.After(time.Minute):
				t.Fatalf("%s waits after %q", name, turns)
			}
		}
		for _, name := range []string{"a", "b", "c"} {
			l.enter(feeds[name])
		}
		time.Sleep(time.Hour) // all know the newest
		for name, f := range feeds {
			if len(f.turn) > 0 {
				t.Errorf("%s has the turn without a change", name)
			}
		}
		feeds["late"].snap = older
		l.enter(feeds["late"])
		serve("late")
		change(v, 1)
		synctest.Wait()
		l.leave(feeds["a"]) // it has the turn, or waits for it
		start := time.Now()
		serve("b")
		l.enter(feeds["b"])
		serve("c")
		if d := time.Since(start); d < pause || d > 10*pause {
			t.Errorf("two turns took %v", d)
		}
		if !slices.Equal(turns, []string{"late", "b", "c"}) {
			t.Errorf("turns: %q", turns)
		}
		change(v, 1)
		serve("b")
		change(v, 1)
		l.enter(feeds["c"])
		synctest.Wait()
		cancel() // while one may have the turn
		running.Wait()
		l.leave(feeds["c"])
	})
}
