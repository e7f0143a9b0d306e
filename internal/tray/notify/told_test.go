package notify

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// lives runs each of f with a notifier that has just started and remembers what
// the one before told.
func lives(t *testing.T, path string, f ...func(s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		for _, live := range f {
			s := &scene{t: t, view: stateview.New(), start: time.Now()}
			s.n = New(Options{View: s.view, Sender: s, Settings: DefaultSettings(), Told: OpenTold(path, slog.New(slog.DiscardHandler))})
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = s.n.Run(ctx) })
			synctest.Wait()
			live(s)
			cancel()
			wg.Wait()
		}
	})
}

func TestToldOnceOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told.json")
	again := func(s *scene) { // as servers come up
		s.set(stateview.Connecting, "sign", "crash", "tools")
		s.set(stateview.Quarantined, "hold")
		s.trouble(stateview.Backoff, "MPT-EXIT", "crash")
		s.hold("tools", 2)
		s.want(10 * time.Second)
		s.set(stateview.AuthRequired, "sign")
		s.set(stateview.Connected, "tools")
		s.trouble(stateview.Failed, codeCrashLoop, "crash")
	}
	lives(t, path, func(s *scene) {
		again(s)
		s.want(time.Hour, "+2s 4 servers need attention")
		s.set(stateview.Stopping, "sign", "crash", "tools") // the end
		s.want(0)
	}, func(s *scene) {
		again(s)
		s.want(time.Hour)
		s.hold("tools", 3)
		s.view.UpdateServer("hold", func(st *stateview.ServerStatus) { st.SetLaunch(stateview.Launch{ID: "other"}) })
		s.want(time.Hour, "+5s hold waits for your approval", "+5s tools has tools to review")
		s.set(stateview.Connected, "sign", "crash", "hold")
		s.hold("tools", 0)
		s.want(time.Hour)
	}, func(s *scene) { // all was done, so it is news again
		again(s)
		s.want(time.Hour, "+2s 4 servers need attention")
	}, func(s *scene) { // a server that is not there any more is forgotten
		s.set(stateview.Connected, "other")
		s.want(time.Hour)
	})
	content, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || strings.TrimSpace(string(content)) != "{}" || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("file = %s, %v, %v", content, err, info.Mode())
	}
}

func TestBrokenMemoryIsNoNews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told.json")
	for content, broken := range map[string]bool{
		`{"servers": {"a": {"need": 7}}}`: true, "{": true, "": true, `{"servers": {"a": {"need": "sign in"}}}`: false,
	} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		var log bytes.Buffer
		OpenTold(path, slog.New(slog.NewTextHandler(&log, nil)))
		if got := strings.Contains(log.String(), "cannot be understood"); got != broken {
			t.Errorf("%q: log = %q", content, log.String())
		}
		want := []string{"+2s a needs you to sign in"}
		if !broken {
			want = nil
		}
		lives(t, path, func(s *scene) {
			s.set(stateview.AuthRequired, "a")
			s.want(time.Hour, want...)
		})
	}
}
