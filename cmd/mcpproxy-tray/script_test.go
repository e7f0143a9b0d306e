//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(cleanup{m}, map[string]func(){"mcpproxy-tray": main})
}

// cleanup removes the built program after the tests.
type cleanup struct{ m *testing.M }

func (c cleanup) Run() int {
	code := c.m.Run()
	if dir := buildDir.Load(); dir != nil {
		_ = os.RemoveAll(*dir)
	}
	return code
}

// TestScript runs the scripts of testdata/script; each says at its top what it
// checks. Beside testscript's own commands there are
//
//	exits N PROGRAM [ARG...]   runs it and wants exactly that exit code
//	up                         waits until an instance answers for the script's home
//	until TEXT PROGRAM [ARG...]  runs it again and again until its stdout contains TEXT
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MCPPROXY_TRAY_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_RUNTIME_DIR", e.WorkDir)
			e.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(e.WorkDir, "no-bus"))
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "up": up, "until": until},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func up(ts *testscript.TestScript, neg bool, args []string) {
	poll(ts, "an instance to answer", func() bool { return ts.Exec("mcpproxy-tray", "status") == nil })
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until TEXT PROGRAM [ARG...]")
	}
	poll(ts, args[0], func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0])
	})
}

func poll(ts *testscript.TestScript, what string, cond func() bool) {
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			ts.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestScriptsRunEveryCommand makes sure that no command is without a script.
func TestScriptsRunEveryCommand(t *testing.T) {
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	everyCommandIn(t, all.String())
}
