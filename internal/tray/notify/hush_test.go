package notify

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// hushed runs f an hour after servers a to c came up, with mutes that f may change.
func hushed(t *testing.T, f func(s *scene, m *Mutes)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := OpenMutes(filepath.Join(dir, "mutes.json"))
		s := &scene{t: t, view: stateview.New(), start: time.Now()}
		s.n = New(Options{View: s.view, Sender: s, Settings: DefaultSettings(), Mutes: m})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.n.Run(ctx) })
		s.set(stateview.Connected, "a", "b", "c")
		s.want(time.Hour)
		f(s, m)
		cancel()
		wg.Wait()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuietTimeEndsWithOneSummary(t *testing.T) {
	hushed(t, func(s *scene, m *Mutes) {
		s.set(stateview.Failed, "c")
		s.want(time.Minute, "+15s c disconnected")
		must(s.t, m.QuietUntil(time.Now().Add(time.Hour)))
		s.set(stateview.Failed, "a")
		s.set(stateview.Quarantined, "b")
		s.set(stateview.Connected, "c")
		s.n.Woke() // its silence is the shorter one
		s.want(59 * time.Minute)
		s.want(time.Hour, "+1m0s 2 servers need attention")
		s.set(stateview.Connected, "a")
		s.want(time.Hour, "+5s a reconnected")
	})
	hushed(t, func(s *scene, m *Mutes) { // nothing is wrong at its end
		must(s.t, m.QuietUntil(time.Now().Add(time.Hour)))
		s.set(stateview.Failed, "a")
		s.want(time.Minute)
		s.set(stateview.Connected, "a")
		s.want(3 * time.Hour)
		s.set(stateview.Failed, "a")
		s.want(time.Hour, "+15s a disconnected")
	})
}

func TestOffIsQuietUntilOn(t *testing.T) {
	hushed(t, func(s *scene, m *Mutes) {
		s.set(stateview.Failed, "b") // not told yet when they are switched off
		s.want(12 * time.Second)
		must(s.t, m.SetOn(false))
		s.set(stateview.Failed, "a")
		s.want(1000 * time.Hour)
		must(s.t, m.SetOn(true))
		s.want(time.Hour, "+0s a and b are not connected")
	})
}

func TestMutedServerIsNoNews(t *testing.T) {
	hushed(t, func(s *scene, m *Mutes) {
		s.set(stateview.Failed, "a")
		s.want(12 * time.Second)
		must(s.t, m.MuteServer("a", true)) // before it was told
		s.set(stateview.Failed, "b")
		s.want(time.Hour, "+15s b disconnected")
		s.set(stateview.Quarantined, "a")
		s.set(stateview.AuthRequired, "a")
		s.n.Woke()
		s.want(time.Hour)
		must(s.t, m.MuteServer("a", false)) // what it needs is no news then
		s.want(time.Hour)
		s.set(stateview.Connected, "a")
		s.want(time.Hour)
		s.set(stateview.Failed, "a")
		s.want(time.Hour, "+15s a disconnected")
	})
}

// TestMutedForAMoment: what a server needs is not forgotten when it is muted and
// heard again, and is told as that when a quiet time ends meanwhile.
func TestMutedForAMoment(t *testing.T) {
	hushed(t, func(s *scene, m *Mutes) {
		must(s.t, m.QuietUntil(time.Now().Add(time.Hour)))
		s.want(59*time.Minute + 59*time.Second)
		s.hold("a", 1)
		s.want(500 * time.Millisecond)
		must(s.t, m.MuteServer("a", true))
		s.want(100 * time.Millisecond)
		must(s.t, m.MuteServer("a", false))
		s.set(stateview.Failed, "b")
		s.want(time.Hour, "+0s b is not connected", "+4s a has tools to review")
	})
}
