package supervisor

import (
	"testing"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// carryOut does to a fact what the control loop does for an action.
func carryOut(t *testing.T, a action, g *goal, f *fact) *fact {
	t.Helper()
	to := func(s stateview.State) {
		if f.state != s && !mayFollow(f.state, s) {
			t.Fatalf("action %d leads from %v to %v", a, f.state, s)
		}
		f.state = s
	}
	switch a {
	case add:
		return &fact{}
	case start:
		if f.live {
			t.Fatal("a second runner")
		}
		to(stateview.Connecting)
		f.live, f.srv, f.restart = true, g.srv, g.restart
	case stop:
		if !f.live {
			t.Fatal("stop without a runner")
		}
		to(stateview.Stopping)
	case settle:
		if f.live {
			t.Fatal("put to rest with a runner")
		}
		to(g.rest)
		f.srv, f.restart = g.srv, g.restart
	case remove:
		if f.live {
			t.Fatal("removed with a runner")
		}
		return nil
	}
	return f
}

// FuzzReconcile plays histories of one server; each byte is something that happens.
func FuzzReconcile(f *testing.F) {
	f.Add([]byte{0, 5, 6, 1, 8, 0, 7, 8, 3, 8, 4, 8, 2, 8})
	f.Add([]byte{0, 9, 8, 0, 10, 1, 0, 4, 8, 8})
	f.Fuzz(func(t *testing.T, happenings []byte) {
		var g *goal
		var ft *fact
		rests := []stateview.State{stateview.Connected, stateview.Disabled, stateview.Quarantined, stateview.Failed}
		entries := []string{"x", "y"}
		change := func(from, to stateview.State) {
			if ft != nil && ft.live && ft.state == from {
				ft.state = to
			}
		}
		for _, h := range happenings {
			switch h % 14 {
			case 0, 1, 2, 3: // the configuration or an approval
				if g == nil {
					g = &goal{}
				}
				g.rest, g.srv = rests[h%14], config.Server{Name: "a", Command: entries[h/14%2]}
			case 4:
				g = nil
			case 5:
				if g != nil {
					g.restart++
				}
			case 6:
				change(stateview.Connecting, stateview.Connected)
			case 7:
				change(stateview.Connected, stateview.Backoff)
			case 8: // the runner ends, as it does after a stop and when parked
				if ft != nil && (ft.state == stateview.Stopping || parked(ft.state)) {
					ft.live = false
				}
			case 9:
				change(stateview.Connecting, stateview.Failed)
			case 10:
				change(stateview.Connected, stateview.AuthRequired)
			case 11: // something changed on disk
				change(stateview.Failed, stateview.Connecting)
			case 12: // the machine was asleep
				change(stateview.Connected, stateview.Connecting)
			case 13:
				change(stateview.Backoff, stateview.Connecting)
			}
			for _, a := range reconcile(g, ft) {
				ft = carryOut(t, a, g, ft)
			}
			if more := reconcile(g, ft); len(more) > 0 {
				t.Fatalf("goal %+v, fact %+v: a second call returns %v", g, ft, more)
			}
			settled(t, g, ft)
		}
	})
}

// settled checks that where nothing is to be done and nothing awaited, the goal is reached.
func settled(t *testing.T, g *goal, f *fact) {
	t.Helper()
	switch {
	case f != nil && f.live:
		if g != nil && g.rest == stateview.Connected && f.state != stateview.Stopping && !f.srv.Equal(g.srv) {
			t.Fatalf("the old entry goes on running: %+v, %+v", g, f)
		}
		if (g == nil || g.rest != stateview.Connected) && f.state != stateview.Stopping {
			t.Fatalf("runs although it should rest: %+v, %+v", g, f)
		}
	case (g == nil) != (f == nil):
		t.Fatalf("goal %+v, fact %+v", g, f)
	case g != nil && g.rest != stateview.Connected && f.state != g.rest:
		t.Fatalf("rests in %v, want %v", f.state, g.rest)
	case g != nil && g.rest == stateview.Connected && !parked(f.state):
		t.Fatalf("should run: %+v", f)
	}
}

func TestEveryStateCanBeLeftAndReached(t *testing.T) {
	reached := [stateview.NumStates]bool{}
	for from, next := range legal {
		if len(next) == 0 {
			t.Errorf("no way out of %v", stateview.State(from))
		}
		for _, s := range next {
			if s == stateview.State(from) {
				t.Errorf("%v follows itself", s)
			}
			reached[s] = true
		}
	}
	for s, ok := range reached {
		if !ok {
			t.Errorf("no way to %v", stateview.State(s))
		}
	}
}
