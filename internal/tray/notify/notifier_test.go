package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// hanging is a daemon that never answers.
type hanging struct {
	mu     sync.Mutex // guards titles
	titles []string
}

func (h *hanging) Send(ctx context.Context, n Note) error {
	h.mu.Lock()
	h.titles = append(h.titles, n.Title)
	h.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}
func (h *hanging) Withdraw(ctx context.Context, _ string) error { return h.Send(ctx, Note{}) }
func (h *hanging) Close() error                                 { return errors.New("never open") }

func TestHangingDaemonDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{}
		n := New(Options{View: stateview.New(), Sender: h, Settings: DefaultSettings()})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = n.Run(ctx) })
		start := time.Now()
		n.Show("first", "")
		synctest.Wait()
		want := []string{"first"}
		for i := range 40 {
			n.Show(fmt.Sprint(i), "")
			if i >= 40-maxQueue {
				want = append(want, fmt.Sprint(i))
			}
		}
		n.Show("39", "again") // in place of the queued one
		if d := time.Since(start); d != 0 {
			t.Errorf("Show took %v", d)
		}
		time.Sleep((maxQueue + 1) * sendLimit)
		synctest.Wait()
		if !slices.Equal(h.titles, want) {
			t.Errorf("sent %q, want %q", h.titles, want)
		}
		n.Show("last", "")
		synctest.Wait()
		start = time.Now()
		cancel()
		wg.Wait()
		if d := time.Since(start); d != 0 {
			t.Errorf("Run ended after %v", d)
		}
	})
}

func TestOffShowsOnlyWhatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, view: stateview.New(), start: time.Now()}
		s.n = New(Options{View: s.view, Sender: s, Settings: Settings{Off: true}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.n.Run(ctx) })
		s.set(stateview.Connected, "a")
		s.set(stateview.Failed, "a")
		s.set(stateview.Quarantined, "b")
		s.want(time.Hour)
		s.n.Show("$The command failed.", "`why`")
		s.want(0, "+0s The command failed.")
		cancel()
		wg.Wait()
	})
}

func TestZeroDelaysAreAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, view: stateview.New(), start: time.Now()}
		s.n = New(Options{View: s.view, Sender: s})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.n.Run(ctx) })
		s.set(stateview.Connected, "a")
		s.set(stateview.Backoff, "a")
		s.set(stateview.Connected, "a")
		s.want(0, "+0s a disconnected", "+0s a reconnected")
		cancel()
		wg.Wait()
	})
}

// failing is a daemon that is there at times.
type failing struct {
	mu   sync.Mutex // guards away
	away bool
}

func (f *failing) set(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *failing) Send(context.Context, Note) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errors.New("nobody there")
	}
	return nil
}
func (f *failing) Withdraw(context.Context, string) error { return errors.New("nobody there") }
func (f *failing) Close() error                           { return nil }

// TestFailureIsTold: once, and once that it is over.
func TestFailureIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{}
		var mu sync.Mutex
		var told, sent []bool // guarded by mu
		decided := 0          // guarded by mu
		n := New(Options{View: stateview.New(), Sender: f, Settings: DefaultSettings(), Status: func(works bool) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, works)
		}, Sent: func(shown bool) {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, shown)
		}, Decided: func(*stateview.Snapshot, bool) {
			mu.Lock()
			defer mu.Unlock()
			decided++
		}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = n.Run(ctx) })
		for i, away := range []bool{false, true, true, false, false} {
			f.set(away)
			n.Show(fmt.Sprint(i), "")
			synctest.Wait()
			n.Answered(Invoked{Tag: "x"}) // what cannot be taken away is no news
			synctest.Wait()
		}
		if !slices.Equal(told, []bool{false, true}) {
			t.Errorf("told %v", told)
		}
		if !slices.Equal(sent, []bool{true, false, false, true, true}) || decided != 1 {
			t.Errorf("sent %v, decided on %d snapshots, want 1", sent, decided)
		}
		cancel()
		wg.Wait()
	})
}
