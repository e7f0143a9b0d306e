package notify

import (
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// trouble gives servers a state and a problem; the server's own words must never be told.
func (s *scene) trouble(state stateview.State, code string, names ...string) {
	s.view.Update(func(b *stateview.Batch) {
		for _, name := range names {
			b.UpdateServer(name, func(st *stateview.ServerStatus) {
				st.State = state
				st.SetProblem(stateview.Problem{Code: code, Text: "$(boom) <b>said the server</b>"})
			})
		}
	})
	synctest.Wait()
}

// sameTag checks that each of the last n notes replaced the one before.
func (s *scene) sameTag(n int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tags) < n {
		s.t.Fatalf("tags = %q, want %d", s.tags, n)
	}
	last := s.tags[len(s.tags)-n:]
	for _, tag := range last {
		if tag != last[0] || tag == "" {
			s.t.Errorf("tags = %q, want the last %d to be the same", s.tags, n)
		}
	}
}

var (
	remotes = []string{"r1", "r2", "r3", "r4", "r5"}
	all     = append([]string{"local"}, remotes...)
)

func TestNetworkGoneIsOneNote(t *testing.T) {
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.want(time.Hour, "+15s Network is gone: 5 remote servers wait for it")
		s.trouble(stateview.Connecting, codeNetworkGone, remotes...) // tried at once
		s.set(stateview.Connected, remotes...)
		s.want(time.Hour, "+5s 5 servers reconnected")
		s.sameTag(2)
	})
	play(t, all, func(s *scene) { // named where that says more
		s.trouble(stateview.Backoff, codeNetworkGone, "r1")
		s.want(time.Minute, "+15s Network is gone: r1 waits for it")
	})
	play(t, all, func(s *scene) { // too short
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.want(9 * time.Second)
		s.set(stateview.Connected, remotes...)
		s.want(time.Hour)
	})
}

// TestNetworkGoneIsFoundOutLate: connections break before the machine knows why,
// and a server that was told as disconnected before turns out to wait for the network.
func TestNetworkGoneIsFoundOutLate(t *testing.T) {
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, "MPT-NET-CUT", remotes[:4]...)
		s.want(12 * time.Second)
		s.trouble(stateview.Backoff, codeNetworkGone, remotes[:4]...)
		s.want(time.Minute, "+3s Network is gone: 4 remote servers wait for it")
		s.trouble(stateview.Backoff, codeNetworkGone, remotes[4]) // it noticed last: the user knows
		s.want(time.Minute)
		s.set(stateview.Connected, remotes...)
		s.want(time.Hour, "+5s 5 servers reconnected")
		s.sameTag(2)
	})
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, "MPT-NET-CUT", "r1")
		s.want(20*time.Second, "+15s r1 disconnected")
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.want(time.Minute, "+15s Network is gone: 5 remote servers wait for it")
		s.set(stateview.Connected, remotes...)
		s.want(time.Hour, "+5s 5 servers reconnected")
		s.sameTag(3)
	})
	play(t, all, func(s *scene) { // what has nothing to do with the network is told as ever
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.trouble(stateview.Backoff, "MPT-EXIT", "local")
		s.want(time.Minute, "+15s local disconnected", "+15s Network is gone: 5 remote servers wait for it")
	})
}

// TestNetworkBackWhileStillNamed: one server is back before the others have been
// down for as long as a loss takes to be told. They were named already.
func TestNetworkBackWhileStillNamed(t *testing.T) {
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, codeNetworkGone, "r1")
		s.want(8 * time.Second)
		s.trouble(stateview.Backoff, codeNetworkGone, remotes[1:]...)
		s.want(8*time.Second, "+7s Network is gone: 5 remote servers wait for it")
		s.set(stateview.Connected, "r1")
		s.want(8*time.Second, "+5s r1 reconnected")
		s.set(stateview.Connected, remotes[1:]...)
		s.want(time.Hour, "+5s 4 servers reconnected")
		s.sameTag(3)
	})
}

// TestNetworkBackButServersNot: a note that says that the network is gone does not
// stay when it is not true any more.
func TestNetworkBackButServersNot(t *testing.T) {
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.want(time.Minute, "+15s Network is gone: 5 remote servers wait for it")
		s.trouble(stateview.Backoff, "MPT-NET-REFUSED", "r1", "r2")
		s.set(stateview.Connected, "r3", "r4", "r5")
		s.want(time.Hour, "+5s r3, r4 and r5 reconnected")
		s.set(stateview.Connected, "r1", "r2")
		s.want(time.Hour, "+5s r1 and r2 reconnected")
		s.sameTag(3)
	})
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.want(time.Minute, "+15s Network is gone: 5 remote servers wait for it")
		s.trouble(stateview.Backoff, "MPT-NET-REFUSED", remotes...) // back for a moment
		s.want(10 * time.Second)
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...) // the note is true again
		s.want(time.Hour)
		s.trouble(stateview.Backoff, "MPT-NET-REFUSED", remotes...)
		s.want(time.Hour, "+15s 5 servers disconnected")
		s.sameTag(2)
		s.set(stateview.Connected, remotes...)
		s.want(time.Hour, "+5s 5 servers reconnected")
		s.sameTag(3)
	})
}

// TestNetworkThatComesAndGoes: the network is called unstable, no server is.
func TestNetworkThatComesAndGoes(t *testing.T) {
	play(t, all, func(s *scene) {
		flap := func() {
			s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
			time.Sleep(time.Minute)
			s.set(stateview.Connected, remotes...)
			time.Sleep(time.Minute)
		}
		flap()
		flap()
		s.want(0, "+15s Network is gone: 5 remote servers wait for it", "+1m5s 5 servers reconnected",
			"+2m15s Network is gone: 5 remote servers wait for it", "+3m5s 5 servers reconnected")
		for range 10 {
			flap()
		}
		s.want(0, "+15s The network is unstable")
		s.trouble(stateview.Backoff, "MPT-NET-CUT", "r1") // the server's own
		s.want(time.Hour, "+15s r1 disconnected")
		s.trouble(stateview.Backoff, codeNetworkGone, "r2")
		s.want(time.Hour, "+15s Network is gone: r2 waits for it")
	})
}

func TestCrashLoopIsOneNote(t *testing.T) {
	play(t, all, func(s *scene) {
		for range 2 {
			s.trouble(stateview.Backoff, "MPT-EXIT", "local")
			time.Sleep(time.Second)
			s.trouble(stateview.Connecting, "MPT-EXIT", "local")
			time.Sleep(time.Second)
		}
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+9s local keeps crashing and was stopped")
		s.trouble(stateview.Connecting, codeCrashLoop, "local") // its file changed, in vain
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour)
		s.set(stateview.Connected, "local")
		s.want(time.Hour, "+5s local reconnected")
		s.sameTag(2)
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+5s local keeps crashing and was stopped")
		s.set(stateview.Connecting, "local") // by the user, who wants to know what came of it
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+5s local keeps crashing and was stopped")
		if n := len(s.tags); s.tags[n-1] != s.tags[n-2] {
			t.Errorf("tags = %q, want the last in place of the one before", s.tags)
		}
		s.set(stateview.Stopping, "local")
		s.set(stateview.Connecting, "local")
		s.trouble(stateview.Backoff, "MPT-EXIT", "local")
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+5s local keeps crashing and was stopped")
	})
	play(t, all, func(s *scene) { // several
		for i, name := range all {
			s.trouble(stateview.Failed, codeCrashLoop, name)
			if i < 5 {
				time.Sleep(900 * time.Millisecond)
			}
		}
		s.want(time.Hour, "+5s 6 servers keep crashing")
	})
	play(t, all, func(s *scene) { // never up for long enough to be missed
		s.trouble(stateview.Connecting, "", "new")
		s.trouble(stateview.Backoff, "MPT-EXIT", "new")
		s.trouble(stateview.Connecting, "MPT-EXIT", "new")
		s.trouble(stateview.Failed, codeCrashLoop, "new")
		s.want(time.Hour, "+5s new keeps crashing and was stopped")
	})
	play(t, all, func(s *scene) { // any other reason to stop it is a loss
		s.trouble(stateview.Failed, "MPT-CMD-NOT-FOUND", "local")
		s.want(time.Hour, "+15s local disconnected")
	})
}

// TestCrashLoopReplacesWhatWasToldOfIt: one note on the screen about one server.
func TestCrashLoopReplacesWhatWasToldOfIt(t *testing.T) {
	play(t, all, func(s *scene) {
		s.trouble(stateview.Backoff, "MPT-EXIT", "local")
		s.want(20*time.Second, "+15s local disconnected")
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+5s local keeps crashing and was stopped")
		s.sameTag(2)
	})
	play(t, all, func(s *scene) {
		for range 3 {
			s.trouble(stateview.Backoff, "MPT-EXIT", "local")
			s.set(stateview.Connected, "local")
		}
		s.want(10*time.Second, "+5s local is unstable")
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+5s local keeps crashing and was stopped")
		s.sameTag(2)
		s.set(stateview.Connected, "local")
		s.want(time.Hour, "+5s local reconnected")
		s.sameTag(3)
	})
	play(t, all, func(s *scene) { // before it is called unstable
		for range 3 {
			s.trouble(stateview.Backoff, "MPT-EXIT", "local")
			s.set(stateview.Connected, "local")
		}
		s.want(3 * time.Second)
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+5s local keeps crashing and was stopped")
	})
}

// TestReopenedAfterWakeIsNoNews: everything is reopened after a sleep.
func TestReopenedAfterWakeIsNoNews(t *testing.T) {
	for _, late := range []time.Duration{0, 3 * time.Second} { // Woke is seen before or after what broke
		play(t, all, func(s *scene) {
			if late == 0 {
				s.n.Woke()
			}
			s.trouble(stateview.Backoff, "MPT-NET-CUT", remotes...)
			s.want(late)
			s.n.Woke()
			s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
			s.want(30 * time.Second)
			s.set(stateview.Connecting, all...)
			s.set(stateview.Connected, all...)
			s.want(time.Hour)
			s.trouble(stateview.Backoff, "MPT-NET-CUT", "r1")
			s.want(time.Hour, "+15s r1 disconnected")
		})
	}
}

func TestAfterWakeOneSummary(t *testing.T) {
	play(t, all, func(s *scene) {
		s.n.Woke()
		s.trouble(stateview.Backoff, codeNetworkGone, remotes...)
		s.want(time.Hour, "+1m0s Network is gone: 5 remote servers wait for it")
		s.set(stateview.Connected, remotes...)
		s.want(time.Hour, "+5s 5 servers reconnected")
		s.sameTag(2)
	})
	play(t, all, func(s *scene) {
		s.n.Woke()
		s.trouble(stateview.Backoff, codeNetworkGone, "r1", "r2")
		s.trouble(stateview.Backoff, "MPT-NET-REFUSED", "r3")
		s.trouble(stateview.Failed, codeCrashLoop, "local")
		s.want(time.Hour, "+1m0s 4 servers need attention")
		s.set(stateview.Connected, "local", "r1", "r2", "r3")
		s.want(time.Hour, "+5s 4 servers reconnected")
		s.sameTag(2)
	})
	play(t, all, func(s *scene) { // and corrected when it is not true any more
		s.n.Woke()
		s.trouble(stateview.Backoff, codeNetworkGone, "r1", "r2")
		s.want(time.Hour, "+1m0s Network is gone: r1 and r2 wait for it")
		s.trouble(stateview.Backoff, "MPT-NET-REFUSED", "r1", "r2")
		s.want(time.Hour, "+15s r1 and r2 disconnected")
		s.sameTag(2)
	})
	play(t, all, func(s *scene) { // twice: the silence begins anew
		s.n.Woke()
		s.trouble(stateview.Backoff, "MPT-NET-REFUSED", "r1")
		s.want(50 * time.Second)
		s.n.Woke()
		s.want(59 * time.Second)
		s.want(time.Hour, "+1s r1 is not connected")
	})
}

// TestWakeWhileStarting: that all looks settled is from before the sleep.
func TestWakeWhileStarting(t *testing.T) {
	stage(t, func(s *scene) {
		s.n.Woke()
		s.set(stateview.Connected, all...)
		s.want(40 * time.Second)
		s.trouble(stateview.Backoff, "MPT-NET-CUT", "r1")
		s.want(19 * time.Second)
		s.want(time.Hour, "+1s r1 is not connected")
	})
}

// TestTheNetworksNotesAreClean: the two notes that no table of kinds has.
func TestTheNetworksNotesAreClean(t *testing.T) {
	for _, n := range []Note{unstableNetworkNote(DefaultSettings()), groupNote(kindNetwork, all, DefaultSettings())} {
		if !cleanEnough(n.Title, maxText) || !cleanEnough(n.Body, maxBody) || n.Title == "" || n.Body == "" {
			t.Errorf("note = %+v", n)
		}
	}
	if n := groupNote(kindCrash, all, DefaultSettings()); !n.Urgent {
		t.Error("a server that needs its user is not urgent")
	}
}
