package notify

import (
	"slices"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// hold has a server offer tools, of which some are held.
func (s *scene) hold(name string, held int) {
	s.view.UpdateServer(name, func(st *stateview.ServerStatus) {
		list := []stateview.Tool{{Name: "free"}}
		for i := range held {
			list = append(list, stateview.Tool{Name: string(rune('a' + i)), Held: true})
		}
		st.Tools = stateview.NewToolList(list)
	})
}

// withdrawn waits and compares how many notes were withdrawn since the start.
func (s *scene) withdrawn(wait time.Duration, want int) {
	s.t.Helper()
	s.want(wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gone) != want || want > 0 && !slices.Contains(s.tags, s.gone[want-1]) {
		s.t.Errorf("withdrawn = %q of %q, want %d", s.gone, s.tags, want)
	}
}

func TestToolsToReviewAreToldOnce(t *testing.T) {
	play(t, []string{"a", "b"}, func(s *scene) {
		s.hold("a", 2)
		s.want(time.Second)
		s.hold("b", 1)
		s.want(time.Hour, "+4s a and b have tools to review")
		s.hold("a", 2)
		s.hold("a", 1) // one was approved
		s.want(time.Hour)
		s.set(stateview.Backoff, "a")
		s.set(stateview.Connected, "a") // with the same tool still held
		s.want(time.Hour)
		s.hold("a", 2)
		s.want(time.Hour, "+5s a has tools to review")
		s.hold("a", 0)
		s.withdrawn(time.Second, 1)
		s.want(time.Minute, "+4s b has tools to review (if still there)") // what the first note said of it is still true
		s.hold("a", 1)
		s.want(time.Hour, "+5s a has tools to review")
	})
	stage(t, func(s *scene) { // a summary tells of them, too
		s.set(stateview.Connecting, "a") // a server that is switched off would end the start
		s.hold("a", 1)
		s.set(stateview.Connected, "a")
		s.set(stateview.Quarantined, "b")
		s.want(time.Hour, "+2s 2 servers need attention")
	})
}

func TestWhatIsDoneWithIsWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		state stateview.State
		code  string
		told  string
		done  func(s *scene)
	}{
		"approved":     {stateview.Quarantined, "", "+5s a waits for your approval", func(s *scene) { s.set(stateview.Connecting, "a") }},
		"signed in":    {stateview.AuthRequired, "", "+5s a needs you to sign in", func(s *scene) { s.set(stateview.Connecting, "a"); s.set(stateview.Connected, "a") }},
		"switched off": {stateview.AuthRequired, "", "+5s a needs you to sign in", func(s *scene) { s.set(stateview.Disabled, "a") }},
		"removed":      {stateview.Failed, codeCrashLoop, "+5s a keeps crashing and was stopped", func(s *scene) { s.view.RemoveServer("a") }},
		"loss ended":   {stateview.Backoff, "", "+15s a disconnected", func(s *scene) { s.set(stateview.Stopping, "a") }},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, []string{"a", "b"}, func(s *scene) {
				s.trouble(c.state, c.code, "a")
				s.want(time.Minute, c.told)
				c.done(s)
				s.withdrawn(0, 1)
				s.withdrawn(time.Hour, 1)
			})
		})
	}
	play(t, []string{"a", "b"}, func(s *scene) { // the rest of it stays true
		s.set(stateview.Quarantined, "a", "b")
		s.want(time.Minute, "+5s a and b wait for your approval")
		s.set(stateview.Connecting, "a")
		s.want(time.Minute, "+5s b waits for your approval (if still there)")
		s.sameTag(2)
		s.set(stateview.Connecting, "b")
		s.withdrawn(time.Minute, 1)
	})
}

// TestApprovedAtOnceIsNoNews: at a start, and when a server is added, an approval
// may follow within a second.
func TestApprovedAtOnceIsNoNews(t *testing.T) {
	stage(t, func(s *scene) {
		s.set(stateview.Quarantined, "a", "b", "c", "d")
		s.want(time.Second)
		s.set(stateview.Connecting, "a", "b", "c", "d")
		s.set(stateview.Connected, "a", "b", "c", "d")
		s.want(time.Hour)
		s.set(stateview.Quarantined, "new")
		s.want(time.Second)
		s.set(stateview.Connecting, "new")
		s.want(time.Hour)
	})
	stage(t, func(s *scene) { // just before the silence ends
		s.set(stateview.Connecting, "a")
		s.want(59500 * time.Millisecond)
		s.set(stateview.Quarantined, "b")
		s.want(time.Second)
		s.set(stateview.Connecting, "b")
		s.withdrawn(time.Hour, 0)
	})
}

// TestSummaryGoesWithItsReasons: what one note says of several is corrected.
func TestSummaryGoesWithItsReasons(t *testing.T) {
	stage(t, func(s *scene) {
		s.set(stateview.Quarantined, "a")
		s.set(stateview.AuthRequired, "b")
		s.set(stateview.Failed, "c")
		s.want(time.Minute, "+2s 3 servers need attention")
		s.set(stateview.Connecting, "a")
		s.set(stateview.Connected, "a", "c")
		s.want(time.Minute, "+5s c reconnected")
		s.set(stateview.Connected, "b")
		s.withdrawn(time.Minute, 1)
		s.sameTag(2)
	})
}
