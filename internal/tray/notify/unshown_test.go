package notify

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A shaky daemon is not there at times, and may say when it is back.
type shaky struct {
	*scene
	away bool // guarded by scene.mu
	back chan struct{}
}

func (s *shaky) set(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *shaky) Probe(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errors.New("nobody there")
	}
	return nil
}

func (s *shaky) Send(ctx context.Context, n Note) error {
	if err := s.Probe(ctx); err != nil {
		return err
	}
	return s.scene.Send(ctx, n)
}

func (s *shaky) Returned() <-chan struct{} { return s.back }

// TestUnshownIsToldLater: what could not be shown is told, in one note, when it can, as
// far as it is still true.
func TestUnshownIsToldLater(t *testing.T) {
	told := filepath.Join(t.TempDir(), "told.json")
	synctest.Test(t, func(t *testing.T) {
		sc := &scene{t: t, view: stateview.New(), start: time.Now()}
		d := &shaky{scene: sc, away: true, back: make(chan struct{}, 1)}
		sc.n = New(Options{View: sc.view, Sender: d, Settings: DefaultSettings(), Told: OpenTold(told, slog.New(slog.DiscardHandler))})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = sc.n.Run(ctx) })

		sc.set(stateview.Connected, "a", "b")
		sc.set(stateview.Quarantined, "new", "mended")
		sc.want(time.Minute)
		if k := OpenTold(told, slog.New(slog.DiscardHandler)).kept.Load(); len(k.Servers) > 0 {
			t.Errorf("what nobody saw is remembered as told: %+v", k)
		}
		sc.set(stateview.Backoff, "a")
		sc.n.Questions([]Question{{"1", "b"}})
		sc.want(time.Minute)
		sc.set(stateview.Connected, "mended")
		d.set(false)
		d.back <- struct{}{}
		sc.want(0, "+0s b asks you something", "+0s 2 servers need attention")
		sc.want(time.Hour)

		d.set(true) // and comes back without a word, as one does that hangs
		sc.set(stateview.Quarantined, "other")
		sc.want(time.Minute)
		d.set(false)
		sc.want(lastProbe, "+20s other waits for your approval")
		sc.want(time.Hour)
		cancel()
		wg.Wait()
	})
}
