//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCrashIsHealed crashes the app in two ways. The guard starts it again, every
// acknowledged change is there, and the program says what happened.
func TestCrashIsHealed(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		hint   string
	}{
		{"of its own", syscall.SIGABRT, "crash.log"}, // the runtime treats it like a panic
		{"killed", syscall.SIGKILL, "ended from outside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			writeConfig(t, home, `"demo": `+demoEntry+`, "other": `+demoEntry, "")
			p := run(t, home, nil)
			if code, _, stderr := cli(t, home, "servers", "approve", "demo"); code != 0 {
				t.Fatalf("approve: %s", stderr)
			}
			if code, body := p.api("POST", "/api/v1/servers/other/disable", ""); code >= 300 {
				t.Fatalf("disable: %d %s", code, body)
			}
			p.waitState("demo", "connected")
			began, first := time.Now(), p.app
			if err := syscall.Kill(first, c.signal); err != nil {
				t.Fatal(err)
			}
			p.wait("the app to be started again", func() bool {
				inst, ok := readInstanceFile(home)
				p.url, p.app = inst.URL, inst.PID
				return ok && inst.PID != first
			})
			back := time.Since(began)
			t.Logf("NUMBER service back after %v", back)
			if back > 10*time.Second {
				t.Errorf("back after %v", back)
			}
			p.waitState("demo", "connected")
			p.waitState("other", "disabled")
			_, status := p.api("GET", "/api/v1/status", "")
			if !strings.Contains(status, "MPT-CRASHED") || !strings.Contains(status, c.hint) {
				t.Errorf("status does not tell: %s", status)
			}
			report, err := os.ReadFile(filepath.Join(home, "logs", "crash.log"))
			if err != nil || strings.Contains(string(report), "SIGABRT") != (c.signal == syscall.SIGABRT) {
				t.Errorf("crash report: %v %.200s", err, report)
			}
		})
	}
}
