//go:build linux

package main

import (
	"strings"
	"testing"

	"mcpproxy-tray/internal/tray/traytest"
)

// TestStatusSaysWhyThereIsNoIcon: whatever panel and bus do, status says it and the
// servers go on.
func TestStatusSaysWhyThereIsNoIcon(t *testing.T) {
	bus := traytest.Bus(t)
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
	p := run(t, home, []string{bus.Env()})
	pid := p.waitState("demo", "connected").PID
	says := func(reason string) {
		t.Helper()
		var out string
		traytest.WaitFor(t, "status to say: "+reason, func() bool {
			_, out, _ = cli(t, home, "status")
			return strings.Contains(out, "no tray icon: "+reason) || reason == "" && !strings.Contains(out, "no tray icon")
		})
		if s, _ := p.server("demo"); s.State != "connected" || s.PID != pid {
			t.Errorf("with %q the server is %+v", reason, s)
		}
	}
	says("no panel here shows tray icons; the icon appears when one does")
	host := bus.Host(t)
	says("")
	host.SetBare(t, true)
	says("no panel here shows tray icons")
	host.SetBare(t, false)
	says("")
	host.Stop()
	says("no panel here shows tray icons")
	host.Hang(true)
	host.Start(t)
	says("the panel does not answer")
	host.Hang(false)
	says("")
	bus.Stop()
	says("the session bus went away; the icon comes back with it")
	bus.Start(t)
	bus.Host(t)
	says("")
}
