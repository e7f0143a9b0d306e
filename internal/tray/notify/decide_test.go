package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A scene is a notifier in a bubble, with a record of what it showed and when.
type scene struct {
	t     *testing.T
	view  *stateview.View
	n     *Notifier
	start time.Time

	mu   sync.Mutex // guards seen and tags
	seen []string   // "+15s title"
	tags []string
	gone []string // tags of what was withdrawn
}

func (s *scene) Send(_ context.Context, n Note) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	title := n.Title
	if n.update {
		title += " (if still there)"
	}
	s.seen = append(s.seen, fmt.Sprintf("+%s %s", time.Since(s.start).Round(time.Second), title))
	s.tags = append(s.tags, n.Tag)
	return nil
}
func (s *scene) Withdraw(_ context.Context, tag string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, tag)
	return nil
}
func (s *scene) Close() error { return nil }

// set gives servers a state.
func (s *scene) set(state stateview.State, names ...string) {
	s.view.Update(func(b *stateview.Batch) {
		for _, name := range names {
			b.UpdateServer(name, func(st *stateview.ServerStatus) {
				st.State = state
				st.SetProblem(stateview.Problem{})
			})
		}
	})
	synctest.Wait()
}

// want waits a while and compares all that was shown since the last want.
func (s *scene) want(wait time.Duration, want ...string) {
	s.t.Helper()
	time.Sleep(wait)
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.seen, want) {
		s.t.Errorf("shown = %q, want %q", s.seen, want)
	}
	s.seen = nil
	s.start = time.Now()
}

// play runs f in a bubble, an hour after servers came up.
func play(t *testing.T, servers []string, f func(s *scene)) {
	stage(t, func(s *scene) {
		s.set(stateview.Connected, servers...)
		s.want(time.Hour)
		f(s)
	})
}

// stage runs f in a bubble, with a notifier that has just started.
func stage(t *testing.T, f func(s *scene)) { stageWith(t, func() *Mutes { return nil }, f) }

// stageWith opens the mutes in the bubble, where their channel belongs.
func stageWith(t *testing.T, mutes func() *Mutes, f func(s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, view: stateview.New(), start: time.Now()}
		s.n = New(Options{View: s.view, Sender: s, Settings: DefaultSettings(), Mutes: mutes()})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.n.Run(ctx) })
		synctest.Wait()
		f(s)
		cancel()
		wg.Wait()
	})
}

func TestDownAndRecovered(t *testing.T) {
	play(t, []string{"a"}, func(s *scene) {
		s.set(stateview.Backoff, "a")
		s.want(14 * time.Second)
		s.want(2*time.Second, "+1s a disconnected")
		s.set(stateview.Connecting, "a")
		s.set(stateview.Backoff, "a")
		s.want(time.Hour)
		s.set(stateview.Connected, "a")
		s.want(time.Hour, "+5s a reconnected")
		if s.tags[0] != s.tags[1] {
			t.Errorf("tags = %q, want the same", s.tags)
		}
	})
}

func TestShortLossIsNoNews(t *testing.T) {
	play(t, []string{"a"}, func(s *scene) {
		s.set(stateview.Backoff, "a")
		s.want(9900 * time.Millisecond)
		s.set(stateview.Connected, "a")
		s.want(time.Hour)
		s.set(stateview.Backoff, "a") // long enough, but back before the group is told
		s.want(14 * time.Second)
		s.set(stateview.Connected, "a")
		s.want(time.Hour)
	})
}

func TestLossAfterShortUpIsNoNews(t *testing.T) {
	play(t, []string{"a"}, func(s *scene) {
		s.set(stateview.Connecting, "a")
		s.want(time.Hour)
		s.set(stateview.Connected, "a")
		s.want(29 * time.Second)
		s.set(stateview.Backoff, "a")
		s.want(time.Hour)
	})
}

func TestUserActionsAreNoNews(t *testing.T) {
	for _, state := range []stateview.State{stateview.Disabled, stateview.Stopping, stateview.Connecting} {
		play(t, []string{"a"}, func(s *scene) {
			s.set(state, "a")
			s.want(time.Hour)
			s.set(stateview.Connecting, "a")
			s.set(stateview.Connected, "a")
			s.want(time.Hour)
			s.set(stateview.Backoff, "a") // a loss that the user ends
			s.want(12 * time.Second)
			s.set(stateview.Disabled, "a")
			s.want(time.Hour)
		})
	}
	play(t, []string{"a", "b"}, func(s *scene) {
		s.set(stateview.Backoff, "a")
		s.want(12 * time.Second)
		s.view.RemoveServer("a")
		s.view.RemoveServer("b")
		s.want(time.Hour)
	})
	play(t, []string{"a"}, func(s *scene) { // told as down, then switched off: nothing recovered
		s.set(stateview.Failed, "a")
		s.want(time.Minute, "+15s a disconnected")
		s.set(stateview.Disabled, "a")
		s.set(stateview.Connected, "a")
		s.want(time.Hour)
	})
}

func TestUnseenLossCounts(t *testing.T) {
	play(t, []string{"a"}, func(s *scene) {
		s.view.UpdateServer("a", func(st *stateview.ServerStatus) {
			st.State = stateview.Connecting
			st.SetProblem(stateview.Problem{Code: "MPT-X", Text: "$(boom)"})
		})
		s.want(time.Hour, "+15s a disconnected")
	})
}

func TestLossesAreGrouped(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	for n, want := range map[int]string{
		1: "a disconnected", 2: "a and b disconnected", 3: "a, b and c disconnected", 4: "4 servers disconnected", 7: "7 servers disconnected",
	} {
		play(t, names, func(s *scene) {
			for _, name := range names[:n] {
				s.set(stateview.Backoff, name)
				time.Sleep(500 * time.Millisecond)
			}
			s.want(0)
			s.want(time.Minute, fmt.Sprintf("+%s %s", (15*time.Second-time.Duration(n)*500*time.Millisecond).Round(time.Second), want))
		})
	}
	play(t, names, func(s *scene) { // two outages, each with its own note
		s.set(stateview.Backoff, "a", "b")
		s.want(6 * time.Second)
		s.set(stateview.Backoff, "c")
		s.want(time.Hour, "+9s a and b disconnected", "+15s c disconnected")
		s.set(stateview.Connected, "b")
		s.want(time.Minute, "+5s b reconnected")
		s.set(stateview.Connected, "a", "c")
		s.want(time.Minute, "+5s a reconnected", "+5s c reconnected")
		if g := s.tags; g[0] != g[2] || g[0] != g[3] || g[1] != g[4] || g[0] == g[1] {
			t.Errorf("tags = %q", g)
		}
	})
}

func TestFlappingIsToldOnce(t *testing.T) {
	play(t, []string{"a"}, func(s *scene) {
		for range 3 {
			s.set(stateview.Backoff, "a")
			time.Sleep(2 * time.Second)
			s.set(stateview.Connected, "a")
			time.Sleep(58 * time.Second)
		}
		s.want(0, "+2m5s a is unstable")
		for range 13 { // muted, however long it is down
			s.set(stateview.Backoff, "a")
			time.Sleep(time.Minute)
			s.set(stateview.Connected, "a")
			time.Sleep(time.Minute)
		}
		s.want(4 * time.Minute)
		s.set(stateview.Backoff, "a")
		s.want(time.Hour, "+15s a disconnected")
	})
	play(t, []string{"a"}, func(s *scene) { // three losses in more than the window
		for range 3 {
			s.set(stateview.Backoff, "a")
			time.Sleep(2 * time.Second)
			s.set(stateview.Connected, "a")
			time.Sleep(5 * time.Minute)
		}
		s.want(time.Hour)
	})
}

func TestStartIsQuiet(t *testing.T) {
	stage(t, func(s *scene) { // everything comes up
		s.set(stateview.Connecting, "a", "b")
		s.want(20 * time.Second)
		s.set(stateview.Connected, "a", "b")
		s.want(time.Hour)
	})
	stage(t, func(s *scene) { // one summary at the end of the silence
		s.set(stateview.Connecting, "a", "b", "c")
		s.set(stateview.Backoff, "a", "b")
		s.want(59 * time.Second)
		s.want(time.Hour, "+1s a and b are not connected")
		s.set(stateview.Connected, "a", "b")
		s.want(time.Hour, "+5s a and b reconnected")
		if s.tags[0] != s.tags[1] {
			t.Errorf("tags = %q", s.tags)
		}
	})
	stage(t, func(s *scene) { // between two attempts is not connected either
		s.view.UpdateServer("a", func(st *stateview.ServerStatus) { st.State, st.Attempt = stateview.Connecting, 4 })
		s.view.UpdateServer("b", func(st *stateview.ServerStatus) { st.State, st.Attempt = stateview.Connecting, 1 })
		s.want(time.Hour, "+1m0s a is not connected")
	})
	stage(t, func(s *scene) { // the silence ends once all have settled
		s.set(stateview.Connecting, "a", "b", "c", "d")
		s.set(stateview.Failed, "a")
		s.set(stateview.Quarantined, "b")
		s.set(stateview.AuthRequired, "c")
		s.want(3 * time.Second)
		s.set(stateview.Connected, "d")
		s.want(time.Hour, "+2s 3 servers need attention")
	})
}

func TestWaitingForTheUserIsToldOnce(t *testing.T) {
	play(t, []string{"a", "b", "c"}, func(s *scene) {
		s.set(stateview.AuthRequired, "a")
		s.want(time.Hour, "+5s a needs you to sign in")
		s.set(stateview.Connecting, "a")
		s.set(stateview.AuthRequired, "a")
		s.want(time.Hour)
		s.set(stateview.Connected, "a")
		s.set(stateview.AuthRequired, "a", "b")
		s.want(time.Hour, "+5s a and b need you to sign in")
		s.set(stateview.Quarantined, "c", "new")
		s.view.UpdateServer("c", func(st *stateview.ServerStatus) { st.Transport = stateview.Stdio })
		s.want(time.Hour, "+5s c and new wait for your approval")
		s.view.UpdateServer("c", func(st *stateview.ServerStatus) { st.SetLaunch(stateview.Launch{ID: "other"}) })
		s.want(time.Hour, "+5s c waits for your approval")
	})
}

// TestWakeIsQuiet: after sleep nothing is told at once, then one summary of
// what was not told before.
func TestWakeIsQuiet(t *testing.T) {
	v, now := stateview.New(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	set := func(state stateview.State, names ...string) {
		for _, name := range names {
			v.UpdateServer(name, func(st *stateview.ServerStatus) { st.State = state })
		}
	}
	d := NewDecider(DefaultSettings(), now)
	set(stateview.Connected, "a", "b", "c")
	set(stateview.Quarantined, "q")
	if notes, next := d.Decide(now, v.Snapshot()); len(notes) > 0 || next != now.Add(2*time.Second) {
		t.Fatalf("notes = %v, next %v", notes, next)
	}
	now = now.Add(2 * time.Second)
	if notes, _ := d.Decide(now, v.Snapshot()); len(notes) != 1 || notes[0].Title != "q waits for your approval" {
		t.Fatalf("notes = %v", notes)
	}
	now = now.Add(time.Hour)
	d.Wake(now)
	set(stateview.Backoff, "a", "b", "c")
	if notes, next := d.Decide(now, v.Snapshot()); len(notes) > 0 || next != now.Add(time.Minute) {
		t.Errorf("notes = %v, next %v", notes, next)
	}
	set(stateview.Connected, "b", "c")
	if notes, _ := d.Decide(now.Add(59*time.Second), v.Snapshot()); len(notes) > 0 {
		t.Errorf("notes = %v", notes)
	}
	notes, next := d.Decide(now.Add(time.Minute), v.Snapshot())
	if len(notes) != 1 || notes[0].Title != "a is not connected" || !next.IsZero() {
		t.Errorf("notes = %v, next %v", notes, next)
	}
	if slept(time.Hour, time.Hour) || slept(time.Hour+10*time.Second, time.Hour) || !slept(time.Hour, time.Minute) {
		t.Error("slept is wrong")
	}
}

// TestNothingPendingAtRest: no deadline while nothing can become news.
func TestNothingPendingAtRest(t *testing.T) {
	v, now := stateview.New(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := NewDecider(DefaultSettings(), now)
	for i := range stateview.NumStates {
		v.UpdateServer(fmt.Sprint(i), func(st *stateview.ServerStatus) { st.State = stateview.State(i) })
	}
	d.Decide(now, v.Snapshot())
	if notes, next := d.Decide(now.Add(time.Hour), v.Snapshot()); len(notes) != 1 || !next.IsZero() {
		t.Errorf("notes = %v, next %v", notes, next)
	}
}

// TestManyServersAreFewNotes: whatever happens, notes stay rare and clean.
func TestManyServersAreFewNotes(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("s%03d", i))
	}
	play(t, names, func(s *scene) {
		for range 10 {
			s.set(stateview.Backoff, names...)
			time.Sleep(30 * time.Second)
			s.set(stateview.Connected, names...)
			time.Sleep(30 * time.Second)
		}
		s.want(time.Hour, "+15s 1000 servers disconnected", "+35s 1000 servers reconnected",
			"+1m15s 1000 servers disconnected", "+1m35s 1000 servers reconnected", "+2m5s 1000 servers are unstable")
	})
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "-rf", "$(calc)", "`x`", `"@`, `"""@@`, "]]]]>>>", "\x00\x1b[31m", "\u202eevil", "a\u200bb", "\xff\xfe", "\n\n- x", strings.Repeat("é", 300), "<b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s, maxName)
		if !cleanEnough(got, maxName) {
			t.Errorf("clean(%q) = %q", s, got)
		}
		if again := clean(got, maxName); again != got {
			t.Errorf("clean(%q) = %q, then %q", s, got, again)
		}
	})
}
