package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"mcpproxy-tray/internal/tray/traytest"
)

// noted are the settings of a program that notifies at once; kinds is JSON.
func noted(kinds string) string {
	return `"notifications": {"down_after": "0s", "min_up": "0s", "group": "50ms", "need_after": "0s", "startup_quiet": "0s", "kinds": ` + kinds + `},`
}

// TestUserIsToldOncePerNeed restarts the program, and changes its settings while it
// runs: what the user was told, or does not want to hear, is not told.
func TestUserIsToldOncePerNeed(t *testing.T) {
	bus := traytest.Bus(t)
	bus.Host(t)
	daemon := bus.Daemon(t)
	home := t.TempDir()
	told := func(n int, want string) {
		t.Helper()
		var got []string
		for _, note := range daemon.Wait(t, n) {
			got = append(got, note.Summary)
		}
		if got[len(got)-1] != want || len(got) != n {
			t.Fatalf("notes = %q, want %d and the last one %q", got, n, want)
		}
	}
	waiting := func(names ...string) (entries string) { // for approval
		for _, name := range names {
			entries += `, "` + name + `": {"command": "no-such-command"}`
		}
		return `"demo": ` + demoEntry + entries
	}
	writeConfig(t, home, waiting("one"), noted(`{}`))
	p := run(t, home, []string{bus.Env()})
	if code, _, stderr := cli(t, home, "servers", "approve", "demo"); code != 0 {
		t.Fatal(stderr)
	}
	p.waitState("demo", "connected")
	traytest.WaitFor(t, "the need to be told", func() bool {
		return slices.ContainsFunc(daemon.Notes(), func(n traytest.Notification) bool {
			return strings.Contains(n.Summary, "one") || strings.Contains(n.Body, "one")
		})
	})
	p.stop()
	before := len(daemon.Notes()) // all that it sent, also in place of the first

	writeConfig(t, home, waiting("one", "two"), noted(`{}`))
	p = run(t, home, []string{bus.Env()})
	told(before+1, "two waits for your approval")

	writeConfig(t, home, waiting("one", "two", "three"), noted(`{"approval": false}`))
	p.waitState("three", "quarantined")
	if err := syscall.Kill(p.waitState("demo", "connected").PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	traytest.WaitFor(t, "the loss to be told", func() bool { return len(daemon.Notes()) > before+1 })
	if note := daemon.Notes()[before+1]; note.Summary != "demo disconnected" {
		t.Errorf("the note is %q", note.Summary)
	}
}

// TestLateNotificationDaemon: at a login it may come after the first need, which is
// told then; menu and status say meanwhile that there is none.
func TestLateNotificationDaemon(t *testing.T) {
	bus := traytest.Bus(t)
	item := bus.Host(t)
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, noted(`{}`))
	p := run(t, home, []string{bus.Env()})
	p.waitState("demo", "quarantined")
	menu := item.Item(t, appID)
	const none = "A notification could not be shown: nothing here takes it."
	menu.WaitEntry(t, none)
	daemon := bus.Daemon(t)
	if note := daemon.Wait(t, 1)[0]; note.Summary != "demo waits for your approval" {
		t.Errorf("the note is %q", note.Summary)
	}
	menu.WaitMenu(t, "without the notice", func(m traytest.Entry) bool { return !m.Has(none) })
}
