package proxy

import (
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// TestReadsAndAnnouncementsAreTold: each request, and whether clients heard of a snapshot.
func TestReadsAndAnnouncementsAreTold(t *testing.T) {
	var reads, changed atomic.Int32
	var newest atomic.Uint64
	r := start(t, answer(`{}`), Options{
		Read: func() { reads.Add(1) },
		Announced: func(s *stateview.Snapshot, c bool) {
			if c {
				changed.Add(1)
			}
			newest.Store(s.Seq())
		},
	})
	r.modern(t, "/mcp").list()
	if got := reads.Load(); got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
	reached := func(seq uint64) func() bool { return func() bool { return newest.Load() == seq } }
	setState(r.view, "a", stateview.Connecting) // no list changes
	within(t, 5*time.Second, "the first snapshot", reached(1))
	if got := changed.Load(); got != 0 {
		t.Errorf("%d changes, want none", got)
	}
	connect(r.view, "a", plainTool("t"))
	within(t, 5*time.Second, "the snapshot with a tool", reached(r.view.Snapshot().Seq()))
	if got := changed.Load(); got != 1 {
		t.Errorf("%d changes, want 1", got)
	}
}
