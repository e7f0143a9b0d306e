package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mcpproxy-tray/internal/tray/traytest"
)

// TestKilledServerIsToldOnce: the menu changes, one notification follows, and one
// in its place when the server is back.
func TestKilledServerIsToldOnce(t *testing.T) {
	bus := traytest.Bus(t)
	bus.Host(t)
	daemon := bus.Daemon(t, "body")
	home := t.TempDir()
	up := filepath.Join(home, "up") // the server runs while there is this file
	allow := func() {
		t.Helper()
		if err := os.WriteFile(up, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	allow()
	entry := fmt.Sprintf(`{"command": "sh", "args": ["-c", "test -e \"$1\" && exec mcpproxy-tray demo-server", "sh", %q]}`, up)
	writeConfig(t, home, `"demo": `+entry, `"quarantine": false, "notifications": {"down_after": "0s", "min_up": "0s", "group": "50ms", "startup_quiet": "0s"},`)
	p := run(t, home, []string{bus.Env()})
	s := p.waitState("demo", "connected")
	item := traytest.Attach(t, bus.Address).Item(t, "")
	item.WaitEntry(t, "demo", "Disable")
	row := func() string {
		for _, e := range item.Menu(t).Children {
			if strings.Contains(e.Label, "demo") {
				return e.Label
			}
		}
		return ""
	}
	before := row()
	if err := os.Remove(up); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	traytest.WaitFor(t, "the row to change", func() bool { return row() != before })
	daemon.Wait(t, 1)
	allow()
	notes := daemon.Wait(t, 2)
	if notes[0].Summary != "demo disconnected" || notes[1].Summary != "demo reconnected" || notes[1].Replaces != notes[0].ID || len(notes) != 2 {
		t.Errorf("notes = %+v", notes)
	}
}

// TestMissingNotificationServiceIsShown: what cannot be notified is not in the log alone.
func TestMissingNotificationServiceIsShown(t *testing.T) {
	const notice = "A notification could not be shown: nothing here takes it."
	bus := traytest.Bus(t)
	bus.Host(t)
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false, "notifications": {"down_after": "0s", "min_up": "0s", "group": "0s", "startup_quiet": "0s"},`)
	p := run(t, home, []string{bus.Env()})
	item := traytest.Attach(t, bus.Address).Item(t, "")
	kill := func() {
		t.Helper()
		if err := syscall.Kill(p.waitState("demo", "connected").PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	kill()
	item.WaitEntry(t, notice)
	daemon := bus.Daemon(t)
	kill()
	daemon.Wait(t, 1)
	item.WaitMenu(t, "the notice to go", func(e traytest.Entry) bool { return !e.Has(notice) })
}
