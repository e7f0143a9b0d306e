package supervisor

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

func TestNothingUnapprovedIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.apply(true, stdio("a"))
		st := r.want("a", stateview.Quarantined)
		if st.Problem().Code != "MPT-QUARANTINE-NEW" || st.Problem().Action != "approve" || !st.Enabled {
			t.Errorf("new server: %+v", st)
		}
		time.Sleep(time.Hour)
		if err := r.Restart(t.Context(), "a"); !errors.Is(err, ErrNotConnected) {
			t.Errorf("restart of a held server: %v", err)
		}
		if r.want("a", stateview.Quarantined); r.fake.count("a") > 0 {
			t.Fatal("a held server was contacted")
		}
		if err := r.Approve(t.Context(), "a", st.Launch().ID); err != nil {
			t.Fatal(err)
		}
		r.want("a", stateview.Connected)

		// Any change of what would run holds it again, and stops what runs.
		changed := stdio("a")
		changed.Args = []string{"--more"}
		r.apply(true, changed)
		if st := r.want("a", stateview.Quarantined); st.Problem().Code != "MPT-QUARANTINE-CHANGED" || st.Launch().Line != "a --more" {
			t.Errorf("changed server: %+v", st)
		}
		if err := r.Approve(t.Context(), "a", st.Launch().ID); !errors.Is(err, ErrStale) {
			t.Errorf("stale approval: %v", err)
		}
		if r.want("a", stateview.Quarantined); r.fake.count("a") != 1 || len(r.mem.records) != 1 {
			t.Errorf("a stale approval had an effect: %v", r.mem.records)
		}
		// What was approved before needs no second yes; what is off needs none at all.
		r.apply(true, stdio("a"))
		r.want("a", stateview.Connected)
		r.apply(false, changed)
		r.want("a", stateview.Connected)
		r.apply(true, changed)
		r.want("a", stateview.Quarantined)
	})
}

func TestApproveErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		broken := config.Server{Name: "broken", Err: &config.Error{Text: "No."}}
		r.apply(true, stdio("a"), broken)
		if err := r.Approve(t.Context(), "nobody", "x"); !errors.Is(err, ErrUnknownServer) {
			t.Errorf("unknown server: %v", err)
		}
		for name, id := range map[string]string{"a": "", "broken": ""} {
			if err := r.Approve(t.Context(), name, id); !errors.Is(err, ErrStale) {
				t.Errorf("approval of nothing for %s: %v", name, err)
			}
		}
		r.mem.err = errors.New("disk full")
		err := r.Approve(t.Context(), "a", r.status("a").Launch().ID)
		if e, ok := errors.AsType[explained](err); !ok || strings.Contains(e.Problem().Text, "disk") || !errors.Is(err, r.mem.err) {
			t.Errorf("disk full: %v", err)
		}
		r.want("a", stateview.Quarantined)
		if r.fake.count("a") > 0 {
			t.Error("started although the approval was not saved")
		}
	})
}

// TestSlowDiskHoldsUpNobody saves approvals in order and off the control loop.
func TestSlowDiskHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		r.mem.slow = 5 * time.Second
		r.apply(true, stdio("a"), stdio("b"))
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			wg.Go(func() {
				if err := r.Approve(t.Context(), name, r.status(name).Launch().ID); err != nil {
					t.Error(err)
				}
				if r.status(name).State == stateview.Quarantined {
					t.Errorf("server %s is held after its approval", name)
				}
			})
		}
		synctest.Wait()
		r.apply(true, stdio("a"), stdio("b"), stdio("c"))
		r.want("c", stateview.Quarantined)
		r.want("a", stateview.Quarantined) // not durable yet
		wg.Wait()
		time.Sleep(2 * r.mem.slow) // their first lists are saved, too
		r.want("a", stateview.Connected)
		r.want("b", stateview.Connected)
	})
}

func TestApprovalsAreReadAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fake: newFake(), mem: &memory{}}
		r.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem})
		if err := r.ApproveConfigured(stdio("demo"), "first run"); err != nil || r.mem.records[0].By != "first run" {
			t.Fatal(err)
		}
		r.Apply(&config.Config{Quarantine: true, Servers: []config.Server{stdio("demo"), stdio("other")}})
		r.begin()
		defer r.stop()
		r.want("demo", stateview.Connected)
		r.want("other", stateview.Quarantined)
	})
}

func TestWithoutAStoreNothingIsApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, fake: newFake()}
		r.Supervisor = New(Options{Connector: r.fake})
		r.begin()
		defer r.stop()
		r.apply(true, stdio("a"))
		st := r.want("a", stateview.Quarantined)
		err := r.Approve(t.Context(), "a", st.Launch().ID)
		if e, ok := errors.AsType[explained](err); !ok || e.Problem().Code != "MPT-APPROVAL-NOT-SAVED" {
			t.Errorf("Approve = %v", err)
		}
		r.want("a", stateview.Quarantined)
		r.apply(false, stdio("a"))
		r.want("a", stateview.Connected)
	})
}

func TestLaunchShowsAllThatIsApprovedButValues(t *testing.T) {
	a := config.Server{Command: "node", Args: []string{"x y"}, Cwd: "/srv", Env: map[string]string{"B": "secret", "A": ""}}
	b := config.Server{URL: "https://example.org/mcp", Headers: map[string]string{"X-Key": "secret"}}
	for srv, want := range map[*config.Server]string{
		&a: a.CommandLine() + " (in /srv; sets A, B)",
		&b: "https://example.org/mcp (sends X-Key)",
	} {
		if got := shown(*srv); got != want || strings.Contains(got, "secret") {
			t.Errorf("shown = %s, want %s", got, want)
		}
	}
}
