package upstream

import (
	"os"
	"path/filepath"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

func TestAwaitChange(t *testing.T) {
	dir, c := t.TempDir(), testConnector()
	for _, env := range []string{dir, filepath.Join(dir, "folder", "that", "comes")} {
		srv := config.Server{Name: "x", Transport: "stdio", Command: "mpt-x", Env: map[string]string{"PATH": env}}
		_, err := c.Connect(t.Context(), srv)
		wantProblem(t, err, "MPT-CMD-NOT-FOUND", "config")
		done := make(chan error, 1)
		go func() { done <- c.AwaitChange(t.Context(), srv, err) }()
		waitFor(t, "AwaitChange to watch", func() bool { return c.watches() > 0 })
		program(t, filepath.Join(env, "mpt-x"))
		if err := await(t, done, "the change to be noticed"); err != nil {
			t.Error(err)
		}
		if err := os.Remove(filepath.Join(env, "mpt-x.exe")); err != nil {
			t.Error(err)
		}
	}
}
