package notify

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// asked has the notifier told of questions: "server", or "server#n" for another one of it.
func (s *scene) asked(questions ...string) {
	var open []Question
	for _, q := range questions {
		server, _, _ := strings.Cut(q, "#")
		open = append(open, Question{q, server})
	}
	s.n.Questions(open)
}

func TestQuestions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mutes.json")
	stageWith(t, func() *Mutes { return OpenMutes(path) }, func(s *scene) {
		s.set(stateview.Connected, "a")
		s.asked()
		s.want(time.Hour)
		s.asked("a")
		s.want(time.Minute, "+0s a asks you something")
		s.asked("a", "b", "b#2")
		s.want(time.Minute, "+0s a and b ask you something")
		s.asked("b", "b#2")
		s.want(time.Minute, "+0s b asks you something (if still there)")
		s.asked("c") // both were answered, and another one came
		s.want(time.Minute, "+0s c asks you something")
		s.asked()
		s.want(time.Minute)
		if len(s.gone) != 1 || s.gone[0] != s.tags[1] {
			t.Errorf("withdrawn %q, shown %q", s.gone, s.tags)
		}
	})
}

// TestQuestionsTheUserDoesNotWantToHear: what waits is told when he wants to again.
func TestQuestionsTheUserDoesNotWantToHear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mutes.json")
	stageWith(t, func() *Mutes { return OpenMutes(path) }, func(s *scene) {
		set := DefaultSettings()
		set.Silent = []string{"question"}
		s.n.SetSettings(set)
		s.asked("a")
		s.want(time.Minute)
		s.n.SetSettings(DefaultSettings())
		s.want(time.Minute, "+0s a asks you something")
		if err := s.n.mutes.MuteServer("m", true); err != nil {
			t.Fatal(err)
		}
		s.asked("a", "m", "m#2")
		s.want(time.Minute)
		s.asked("a", "m", "m#2", "b")
		s.want(time.Minute, "+0s a and b ask you something")
		if err := s.n.mutes.QuietUntil(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		s.asked("a", "b", "c")
		s.want(59 * time.Minute)
		s.want(2*time.Minute, "+1m0s a, b and c ask you something")
	})
}

// TestAnsweredNoteIsNotTakenFromANewerOne: a note that is being shown in place of the one
// that was answered stays.
func TestAnsweredNoteIsNotTakenFromANewerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowSender{scene: scene{t: t, start: time.Now()}}
		n := New(Options{View: stateview.New(), Sender: slow, Settings: DefaultSettings()})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = n.Run(ctx) })
		n.put(Note{Tag: "a", Title: "a disconnected"})
		time.Sleep(time.Minute)
		n.put(Note{Tag: "a", Title: "a keeps crashing"})
		synctest.Wait() // it is on its way
		n.Answered(Invoked{Action: Restart, Tag: "a"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(slow.gone) != 0 || len(slow.seen) != 2 {
			t.Errorf("shown %q, withdrawn %q", slow.seen, slow.gone)
		}
		n.Answered(Invoked{Action: Restart, Tag: "a"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(slow.gone) != 1 {
			t.Errorf("withdrawn %q, want the one that was answered", slow.gone)
		}
		cancel()
		wg.Wait()
	})
}

// A slowSender takes a second for each note.
type slowSender struct{ scene }

func (s *slowSender) Send(ctx context.Context, n Note) error {
	time.Sleep(time.Second)
	return s.scene.Send(ctx, n)
}
