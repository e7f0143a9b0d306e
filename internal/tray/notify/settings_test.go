package notify

import (
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// silent has nothing said of some kinds from now on.
func (s *scene) silent(kinds ...string) {
	set := DefaultSettings()
	set.Silent = kinds
	s.n.SetSettings(set)
	s.want(0)
}

func TestEachKindCanBeSwitchedOff(t *testing.T) {
	for k, happen := range map[kind]func(s *scene){
		kindDown:     func(s *scene) { s.set(stateview.Backoff, "local") },
		kindApprove:  func(s *scene) { s.set(stateview.Quarantined, "local") },
		kindSignIn:   func(s *scene) { s.set(stateview.AuthRequired, "local") },
		kindNetwork:  func(s *scene) { s.trouble(stateview.Backoff, codeNetworkGone, "local") },
		kindCrash:    func(s *scene) { s.trouble(stateview.Failed, codeCrashLoop, "local") },
		kindReview:   func(s *scene) { s.hold("local", 1) },
		kindUnstable: func(s *scene) { s.flap("local") },
	} {
		for _, kinds := range [][]string{nil, {kindNames[k]}} {
			want := 1 - len(kinds)
			play(t, all, func(s *scene) { // as it happens
				s.silent(kinds...)
				happen(s)
				s.count(time.Hour, want)
			})
			if k == kindUnstable {
				continue // is told of at the end of no silence, as it is over
			}
			play(t, all, func(s *scene) { // and in a summary
				s.silent(kinds...)
				s.n.Woke()
				happen(s)
				s.count(time.Hour, want)
			})
		}
	}
	play(t, all, func(s *scene) {
		s.silent(recovered)
		s.set(stateview.Backoff, "local")
		s.want(time.Minute, "+15s local disconnected")
		s.set(stateview.Connected, "local")
		s.withdrawn(time.Hour, 1)
	})
}

func (s *scene) flap(name string) {
	for range 3 {
		s.set(stateview.Backoff, name)
		s.set(stateview.Connected, name)
	}
}

// count waits and counts what was shown.
func (s *scene) count(wait time.Duration, want int) {
	s.t.Helper()
	time.Sleep(wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) != want {
		s.t.Errorf("shown = %q, want %d", s.seen, want)
	}
}

// TestSettingsHoldAtOnce: also what is pending is told by the new ones.
func TestSettingsHoldAtOnce(t *testing.T) {
	play(t, all, func(s *scene) {
		set := DefaultSettings()
		set.DownAfter, set.Group = time.Second, 0
		s.n.SetSettings(set)
		s.set(stateview.Backoff, "local")
		s.want(time.Hour, "+1s local disconnected")
		set.Off = true
		s.n.SetSettings(set)
		s.set(stateview.Connected, "local")
		s.set(stateview.Quarantined, "r1")
		s.want(time.Hour)
		set.Off = false
		s.n.SetSettings(set) // what happened meanwhile is one summary
		s.want(time.Hour, "+0s r1 waits for your approval")
	})
}
