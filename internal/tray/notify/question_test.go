package notify

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

func TestQuestions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mutes.json")
	stageWith(t, func() *Mutes { return OpenMutes(path) }, func(s *scene) {
		s.set(stateview.Connected, "a")
		s.n.Questions(nil)
		s.want(time.Hour)
		s.n.Questions([]string{"a"})
		s.want(time.Minute, "+0s a asks you something")
		s.n.Questions([]string{"a", "b", "b"})
		s.want(time.Minute, "+0s a and b ask you something")
		s.n.Questions([]string{"b"})
		s.want(time.Minute)
		s.n.Questions(nil)
		s.want(time.Minute)
		if len(s.gone) != 1 || s.gone[0] != s.tags[1] {
			t.Errorf("withdrawn %q, shown %q", s.gone, s.tags)
		}
		set := DefaultSettings()
		set.Silent = []string{"question"}
		s.n.SetSettings(set)
		s.n.Questions([]string{"a"})
		s.want(time.Minute)
		s.n.SetSettings(DefaultSettings())
		if err := s.n.mutes.MuteServer("a", true); err != nil {
			t.Fatal(err)
		}
		s.n.Questions([]string{"a", "a"})
		s.want(time.Minute)
		if err := s.n.mutes.QuietUntil(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		s.n.Questions([]string{"a", "a", "c"})
		synctest.Wait()
		s.want(time.Minute)
	})
}
