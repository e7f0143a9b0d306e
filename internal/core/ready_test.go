package core_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core"
)

// TestReadyWhenOthersFindIt asks from the opening on, before anything runs.
func TestReadyWhenOthersFindIt(t *testing.T) {
	dirs := homeDirs(t, `{"mcpServers": {"a": {"command": "x"}}}`)
	c, err := core.Open(t.Context(), core.Options{Dirs: dirs, Listen: "127.0.0.1:0", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ready := func() int {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/readyz", nil)
		r.Host = strings.TrimPrefix(c.URL(), "http://")
		c.API().ServeHTTP(w, r)
		return w.Code
	}
	before := ready()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	_, found := core.FindInstance(dirs) // waits for it
	if after := ready(); before != 503 || after != 200 || found != nil {
		t.Errorf("/readyz answers %d before it runs and %d then, want 503 and 200 (%v)", before, after, found)
	}
	if _, there := c.StateView().Snapshot().GetServer("a"); !there {
		t.Error("it is ready without its servers")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
