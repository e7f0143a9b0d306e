package core_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

const demoOnly = `{"quarantine": false, "mcpServers": {"a": {"command": "mcpproxy-tray", "args": ["demo-server"]}}}`

func listTools(t *testing.T, c *core.Core) error {
	t.Helper()
	_, rpcErr, err := c.Relay().Request(t.Context(), "a", call.Request{Method: "tools/list", Params: json.RawMessage("{}")})
	if rpcErr != nil {
		t.Fatalf("the server says %s", rpcErr)
	}
	return err
}

func TestPausedCallsAreRefusedAndSessionsStay(t *testing.T) {
	dirs := homeDirs(t, demoOnly)
	c, stop := open(t, dirs)
	before := waitState(t, c, "a", stateview.Connected)
	_, _, changed := c.Switches()
	if err := c.SetPaused(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	<-changed
	err := listTools(t, c)
	unsent, ok := errors.AsType[interface {
		error
		Unsent() bool
		Problem() stateview.Problem
	}](err)
	if !ok || !unsent.Unsent() || !strings.Contains(unsent.Problem().Text, "paused") {
		t.Errorf("a call while paused: %v, want one that was not sent, in words", err)
	}
	if st, _ := c.StateView().GetServer("a"); st.State != stateview.Connected || st.PID != before.PID {
		t.Errorf("the server is %v, process %d: pausing touched it", st.State, st.PID)
	}
	stop()
	c, _ = open(t, dirs)
	waitState(t, c, "a", stateview.Connected)
	if paused, _, _ := c.Switches(); !paused {
		t.Error("after a restart calls are not paused any more")
	}
	if err := c.SetPaused(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := listTools(t, c); err != nil {
		t.Errorf("a call after resuming: %v", err)
	}
}

// end writes down when a server is to be switched off, as a run before this one did.
func end(t *testing.T, dirs config.Dirs, at time.Time) {
	t.Helper()
	content := fmt.Sprintf(`{"until": {"a": %q}}`, at.Format(time.RFC3339Nano))
	if err := os.WriteFile(filepath.Join(dirs.Data, "switches.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEnabledForATimeIsSwitchedOffThen(t *testing.T) {
	dirs := homeDirs(t, demoOnly)
	at := time.Now().Add(2 * time.Second)
	end(t, dirs, at)
	c, _ := open(t, dirs)
	waitState(t, c, "a", stateview.Connected)
	waitState(t, c, "a", stateview.Disabled)
	if time.Now().Before(at) {
		t.Error("it was switched off early")
	}
	cfg, err := config.Open(dirs.ConfigFile()).Load()
	if srv, _ := cfg.Server("a"); err != nil || !srv.Disabled {
		t.Errorf("the file does not say so: %v, %v", srv, err)
	}
}

func TestEnabledForATimeThatPassedMeanwhile(t *testing.T) {
	dirs := homeDirs(t, demoOnly)
	end(t, dirs, time.Now().Add(-time.Hour))
	c, _ := open(t, dirs)
	waitState(t, c, "a", stateview.Disabled)
	if _, until, _ := c.Switches(); len(until) != 0 {
		t.Errorf("until = %v, want none", until)
	}
}

func TestEnableForAnHour(t *testing.T) {
	dirs := homeDirs(t, `{"quarantine": false, "mcpServers": {"a": {"command": "mcpproxy-tray", "args": ["demo-server"], "disabled": true}}}`)
	c, stop := open(t, dirs)
	waitState(t, c, "a", stateview.Disabled)
	began := time.Now()
	if err := c.EnableFor(t.Context(), "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	waitState(t, c, "a", stateview.Connected)
	at := c.Ends("a")
	if late := at.Sub(began.Add(time.Hour)); late < 0 || late > time.Minute+time.Since(began) || at.Second() != 0 {
		t.Errorf("it ends at %v, want at a full minute in an hour", at)
	}
	stop()
	c, _ = open(t, dirs)
	waitState(t, c, "a", stateview.Connected)
	if got := c.Ends("a"); !got.Equal(at) {
		t.Errorf("after a restart it ends at %v, want %v", got, at)
	}
	if err := c.SetEnabled(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	if got := c.Ends("a"); !got.IsZero() {
		t.Errorf("switched on by hand it ends at %v", got)
	}
	if err := c.EnableFor(t.Context(), "nobody", time.Hour); !errors.Is(err, config.ErrUnknownServer) {
		t.Errorf("an unknown server: %v", err)
	}
}

func TestSwitchingOffInTheFileEndsTheTime(t *testing.T) {
	dirs := homeDirs(t, demoOnly)
	c, _ := open(t, dirs)
	if err := c.EnableFor(t.Context(), "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	waitState(t, c, "a", stateview.Connected)
	_, _, changed := c.Switches()
	if err := config.Open(dirs.ConfigFile()).SetEnabled("a", false); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	if got := c.Ends("a"); !got.IsZero() {
		t.Errorf("it is off and ends at %v", got)
	}
}

// TestDamagedSwitchesAreTold: what was paused is not silently resumed.
func TestDamagedSwitchesAreTold(t *testing.T) {
	dirs := homeDirs(t, demoOnly)
	path := filepath.Join(dirs.Data, "switches.json")
	if err := os.WriteFile(path, []byte(`{"paused":tr`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := open(t, dirs)
	list, _ := c.Problems()
	if i := slices.IndexFunc(list, func(p stateview.Problem) bool { return p.Code == "MPT-SWITCHES-DAMAGED" }); i < 0 || !strings.Contains(list[i].Hint, path+".damaged") {
		t.Errorf("problems: %+v", list)
	}
}
