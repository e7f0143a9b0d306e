package main

import (
	"strings"
	"testing"

	"mcpproxy-tray/internal/tray/traytest"
)

// TestBrokenConfigurationIsSeen: icon, tooltip, menu and one notification say that the
// file is not in force, and the menu leads to it.
func TestBrokenConfigurationIsSeen(t *testing.T) {
	bus := traytest.Bus(t)
	h := bus.Host(t)
	daemon := bus.Daemon(t)
	home := t.TempDir()
	path := writeConfig(t, home, `"demo": `+demoEntry, noted(`{"approval": false}`))
	p := run(t, home, []string{bus.Env()})
	item := h.Item(t, appID)
	p.waitState("demo", "quarantined")
	item.WaitEntry(t, "0 of 1 connected · 1 needs approval")

	const broken = "{\n  \"mcpServers\": {\n"
	for range 2 { // the same error is news again after it was mended
		before := len(daemon.Notes())
		writeFile(t, path, broken, 0o600)
		item.WaitEntry(t, "0 of 1 connected · configuration error · 1 needs approval")
		entry, err := item.Menu(t).Find("! config.json:3:1: The file ends too early: the { of line 2")
		if err != nil || !entry.Enabled {
			t.Errorf("the error cannot be clicked: %+v, %v", entry, err)
		}
		if tip := item.Tooltip(t); !strings.HasSuffix(tip, "the configuration has an error") {
			t.Errorf("tooltip %q", tip)
		}
		notes := daemon.Wait(t, before+1)
		if n := notes[before]; n.Summary != "The configuration has an error" || !strings.Contains(n.Body, "The file ends too early") {
			t.Errorf("notification %+v", n)
		}
		writeConfig(t, home, `"demo": `+demoEntry, noted(`{"approval": false}`))
		item.WaitEntry(t, "0 of 1 connected · 1 needs approval")
	}
	if n := len(daemon.Notes()); n != 2 {
		t.Errorf("%d notifications, want one each time: %+v", n, daemon.Notes())
	}
}
