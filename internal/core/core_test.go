package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/demo"
	"mcpproxy-tray/internal/core/httpapi"
	"mcpproxy-tray/internal/stateview"
)

// The test binary is the demo server too: "mcpproxy-tray" in a configuration means Self.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "demo-server" {
		if err := demo.Serve(context.Background(), "test", os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun")) // one per log file, for good
}

func homeDirs(t *testing.T, content string) config.Dirs {
	t.Helper()
	t.Setenv("MCPPROXY_TRAY_HOME", t.TempDir())
	dirs, err := config.FindDirs()
	if err != nil {
		t.Fatal(err)
	}
	if content != "" {
		if err := os.WriteFile(dirs.ConfigFile(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

// open opens a core on a free port and runs it until the test ends or stop is called.
func open(t *testing.T, dirs config.Dirs) (c *core.Core, stop func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err = core.Open(t.Context(), core.Options{Dirs: dirs, Listen: "127.0.0.1:0", Version: "test", Self: self})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	return c, stop
}

func waitState(t *testing.T, c *core.Core, name string, want stateview.State) stateview.ServerStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var st stateview.ServerStatus
	for s := range c.StateView().Watch(ctx) {
		if st, _ = s.GetServer(name); st.State == want && st.Name == name {
			return st
		}
	}
	t.Fatalf("server %s is %v, want %v", name, st.State, want)
	return st
}

func TestFirstRunHasAnApprovedDemo(t *testing.T) {
	dirs := homeDirs(t, "")
	c, _ := open(t, dirs)
	if st := waitState(t, c, "demo", stateview.Connected); st.Tools.Len() == 0 {
		t.Error("the demo server has no tools")
	}
	if _, err := config.Open(dirs.ConfigFile()).Load(); err != nil {
		t.Errorf("the configuration that was written: %v", err)
	}
}

func TestNothingIsApprovedInAConfigurationThatWasThere(t *testing.T) {
	c, _ := open(t, homeDirs(t, string(config.Default())))
	waitState(t, c, "demo", stateview.Quarantined)
}

func TestCommandsEditTheFileAndAreSeen(t *testing.T) {
	dirs := homeDirs(t, `{"quarantine": false, /* mine */ "mcpServers": {"a": {"command": "mcpproxy-tray", "args": ["demo-server"]}}}`)
	c, _ := open(t, dirs)
	first := waitState(t, c, "a", stateview.Connected)
	for _, step := range []struct {
		do   func(context.Context) error
		name string
		want stateview.State
	}{
		{func(ctx context.Context) error { return c.SetEnabled(ctx, "a", false) }, "a", stateview.Disabled},
		{func(ctx context.Context) error { return c.SetEnabled(ctx, "a", true) }, "a", stateview.Connected},
		{func(ctx context.Context) error {
			return c.Add(ctx, "b", json.RawMessage(`{"command": "mcpproxy-tray", "args": ["demo-server"]}`))
		}, "b", stateview.Connected},
	} {
		if err := step.do(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitState(t, c, step.name, step.want)
	}
	if st, _ := c.StateView().GetServer("a"); st.PID == first.PID {
		t.Error("the server was switched off and on and has the same process")
	}
	if err := c.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(dirs.ConfigFile())
	if err != nil || !strings.Contains(string(data), "/* mine */") || strings.Contains(string(data), `"b"`) {
		t.Errorf("%v, the file:\n%s", err, data)
	}
}

func TestRefusedCommandsHaveWords(t *testing.T) {
	dirs := homeDirs(t, `{"mcpServers": {"a": {"command": "x"}, "off": {"command": "x", "disabled": true}}}`)
	c, _ := open(t, dirs)
	waitState(t, c, "a", stateview.Quarantined)
	waitState(t, c, "off", stateview.Disabled)
	for _, tt := range []struct {
		what string
		err  error
		want error
	}{
		{"disable of nobody", c.SetEnabled(t.Context(), "nobody", false), httpapi.ErrUnknownServer},
		{"restart of nobody", c.Restart(t.Context(), "nobody"), httpapi.ErrUnknownServer},
		{"restart of a disabled server", c.Restart(t.Context(), "off"), httpapi.ErrNotNow},
		{"stale approval", c.Approve(t.Context(), "a", "v1:other"), httpapi.ErrStale},
		{"second of a name", c.Add(t.Context(), "a", json.RawMessage(`{"command": "y"}`)), httpapi.ErrExists},
		{"entry without a command", c.Add(t.Context(), "c", json.RawMessage(`{}`)), httpapi.ErrInvalid},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, tt.err, tt.want)
		}
	}
	waitState(t, c, "a", stateview.Quarantined)
}

func TestOneInstancePerDirectory(t *testing.T) {
	dirs := homeDirs(t, string(config.Default()))
	if _, err := core.FindInstance(dirs); !errors.Is(err, core.ErrNoInstance) {
		t.Errorf("FindInstance before: %v", err)
	}
	c, stop := open(t, dirs)
	waitState(t, c, "demo", stateview.Quarantined)
	inst, err := core.FindInstance(dirs)
	if err != nil || inst.PID != os.Getpid() || inst.URL != c.URL() {
		t.Errorf("FindInstance: %+v, %v; want process %d at %s", inst, err, os.Getpid(), c.URL())
	}
	_, err = core.Open(t.Context(), core.Options{Dirs: dirs})
	if running, ok := errors.AsType[*core.AlreadyRunningError](err); !ok || running.Instance != inst {
		t.Errorf("second Open: %v", err)
	}
	stop()
	if _, err := core.FindInstance(dirs); !errors.Is(err, core.ErrNoInstance) {
		t.Errorf("FindInstance after: %v", err)
	}
}

// TestStaleInstanceFile is what a crash leaves: the file, but no lock.
func TestStaleInstanceFile(t *testing.T) {
	dirs := homeDirs(t, string(config.Default()))
	if err := os.WriteFile(dirs.Instance(), []byte(`{"pid": 1, "url": "http://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dirs.Data, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := core.FindInstance(dirs); !errors.Is(err, core.ErrNoInstance) {
		t.Errorf("FindInstance: %v", err)
	}
	c, _ := open(t, dirs)
	waitState(t, c, "demo", stateview.Quarantined)
}

func TestQuitEndsRun(t *testing.T) {
	c, stop := open(t, homeDirs(t, string(config.Default())))
	waitState(t, c, "demo", stateview.Quarantined)
	c.Quit()
	c.Quit()
	stop()
	if resp, err := http.Get(c.URL() + "/healthz"); err == nil {
		resp.Body.Close()
		t.Error("it still answers after it has ended")
	}
}

func TestProblemsOfTheWholeProgram(t *testing.T) {
	dirs := homeDirs(t, `{"quarantine": false, "mcp_auth": "none", "mcpServers": {"a": {"command": "x", "disabled": true}, "A": {"command": "y"}}}`)
	c, _ := open(t, dirs)
	codes := func() string {
		list, _ := c.Problems()
		var all []string
		for _, p := range list {
			if p.Text == "" || p.Hint == "" || p.Since.IsZero() {
				t.Errorf("problem without words: %+v", p)
			}
			all = append(all, p.Code)
		}
		return strings.Join(all, " ")
	}
	for _, want := range []string{"MPT-CONFIG-REFUSED", "MPT-QUARANTINE-OFF", "MPT-MCP-OPEN"} {
		if !strings.Contains(codes(), want) {
			t.Errorf("problems %q do not have %s", codes(), want)
		}
	}
	_, changed := c.Problems()
	if err := os.WriteFile(dirs.ConfigFile(), []byte(`{"mcpServers": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(20 * time.Second); codes() != ""; {
		select {
		case <-changed:
			_, changed = c.Problems()
		case <-deadline:
			t.Fatalf("problems of a mended configuration: %s", codes())
		}
	}
}
