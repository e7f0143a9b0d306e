//go:build unix && !darwin

package ui_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy-tray/internal/tray/traytest"
)

var sample string // the built sample program

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sample")
	if err != nil {
		panic(err)
	}
	sample = filepath.Join(dir, "sample")
	build := exec.Command("go", "build", "-o", sample, "./testdata/sample")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the sample program: %v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// An app is a running sample program.
type app struct {
	in      io.WriteCloser
	started time.Time
	mu      sync.Mutex // guards lines
	lines   []string
}

func start(t *testing.T, env ...string) *app {
	t.Helper()
	cmd := exec.Command(sample)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a := &app{in: in, started: time.Now()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			a.mu.Lock()
			a.lines = append(a.lines, s.Text())
			a.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		in.Close()
		late := time.AfterFunc(traytest.Patience, func() { t.Error("the program did not end"); cmd.Process.Kill() })
		wg.Wait()
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("the program ended with %v and wrote\n%s", err, stderr.String())
		}
		late.Stop()
		if !a.said("ended") {
			t.Error("the program did not end in order")
		}
	})
	return a
}

func (a *app) tell(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(a.in, format+"\n", args...); err != nil {
		t.Fatal(err)
	}
}

func (a *app) said(line string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.lines, func(l string) bool { return strings.HasPrefix(l, line) })
}

// forget drops what it said until now.
func (a *app) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = nil
}

func (a *app) wait(t *testing.T, line string) {
	t.Helper()
	traytest.WaitFor(t, "the line "+line, func() bool { return a.said(line) })
}

func TestIconMenuAndClicks(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b.Env())
	item := h.Item(t, "sample")
	t.Logf("registered after %v", time.Since(a.started))
	if w, hgt, _ := item.Icon(t); w != 32 || hgt != 32 {
		t.Errorf("icon is %d × %d", w, hgt)
	}
	a.tell(t, "set my_server connected 12")
	a.tell(t, "set new quarantined 0")
	item.WaitEntry(t, "● my_server · connected · 12 tools")
	item.WaitEntry(t, "1 of 2 connected · 1 needs approval")
	item.Click(t, "my_server", "Disable")
	a.wait(t, "enabled my_server false")
	time.Sleep(time.Second) // else it would be the second of a double click
	item.Click(t, "my_server", "Enable")
	a.wait(t, "enabled my_server true")
	item.Click(t, "my_server", "Restart")
	a.wait(t, "notify Could not restart my_server: Something went wrong.")
	item.WaitEntry(t, "new", "Would run: run new")
	item.Click(t, "new", "Open log")
	a.wait(t, "open log of new")
	item.Click(t, "new", "Approve…")
	a.wait(t, "approve new id-of-new")
	item.Click(t, "Copy endpoint URL")
	a.wait(t, "copy http://127.0.0.1:7420/mcp")
	item.WaitEntry(t, "2 of 2 connected")
	if tip := item.Tooltip(t); tip != "2 of 2 connected" {
		t.Errorf("tooltip = %q", tip)
	}
	item.Click(t, "Quit")
	a.wait(t, "ended")
}

func TestMessages(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b.Env())
	item := h.Item(t, "sample")
	for i := range 5 {
		a.tell(t, "set s%d connected 3", i)
	}
	item.WaitEntry(t, "5 of 5 connected")
	quiet(t, item)
	item.ResetSignals(t)
	a.tell(t, "set s2 backoff 0")
	item.WaitEntry(t, "4 of 5 connected")
	quiet(t, item)
	if n := item.SignalCount(t); n > 15 || n == 0 {
		t.Errorf("one change took %d messages, want 1 to 15: %v", n, item.Signals(t))
	} else {
		t.Logf("one change: %v", item.Signals(t))
	}
	item.ResetSignals(t)
	a.tell(t, "set s2 backoff 0")
	a.tell(t, "goroutines")
	a.wait(t, "goroutines")
	quiet(t, item)
	if n := item.SignalCount(t); n != 0 {
		t.Errorf("no change took %d messages: %v", n, item.Signals(t))
	}
}

// quiet waits until the item has sent nothing for longer than a redraw's interval.
func quiet(t *testing.T, item *traytest.Item) {
	t.Helper()
	last, since := -1, time.Now()
	traytest.WaitFor(t, "the item to be quiet", func() bool {
		if n := item.SignalCount(t); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 1200*time.Millisecond
	})
}

func TestPanelRestarts(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b.Env())
	h.Item(t, "sample")
	var worst time.Duration
	for i := range 100 {
		h.Stop()
		h.Start(t)
		began := time.Now()
		h.Item(t, "sample")
		worst = max(worst, time.Since(began))
		a.tell(t, "set s connected %d", i)
	}
	if worst > 2*time.Second {
		t.Errorf("the icon came back after %v, want at most 2s", worst)
	}
	t.Logf("slowest of 100: %v", worst)
}

func TestPanelComesLate(t *testing.T) {
	b := traytest.Bus(t)
	a := start(t, b.Env())
	a.wait(t, "status true false no panel")
	a.tell(t, "set s connected 3")
	h := b.Host(t)
	h.Item(t, "sample").WaitEntry(t, "● s · connected · 3 tools")
	a.wait(t, "status true true")
}

func TestNoBus(t *testing.T) {
	a := start(t)
	a.wait(t, "status false false there is no session bus")
	a.wait(t, "run no tray here")
	a = start(t, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere/bus")
	a.wait(t, "run no tray here: the session bus at unix:path=/nowhere/bus cannot be reached")
}

func TestBusGoesAwayAndComesBack(t *testing.T) {
	b := traytest.Bus(t)
	a := start(t, b.Env())
	b.Host(t).Item(t, "sample").WaitEntry(t, "Quit")
	a.wait(t, "status true true")
	for range 3 {
		b.Stop()
		a.wait(t, "status false false the session bus went away; the icon comes back with it")
		a.forget()
		a.tell(t, "set s connected 3")
		b.Start(t)
		h := b.Host(t)
		item := h.Item(t, "sample")
		item.WaitEntry(t, "● s · connected · 3 tools")
		a.wait(t, "status true true")
		item.Click(t, "Copy endpoint URL")
		a.wait(t, "copy http://127.0.0.1:7420/mcp")
		a.forget()
	}
}

func TestCheckMarks(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b.Env())
	item := h.Item(t, "sample")
	item.WaitEntry(t, "Start at login: off")
	item.Click(t, "Start at login: off")
	a.wait(t, "login true")
	mark := func(want int, path ...string) {
		t.Helper()
		item.WaitMenu(t, fmt.Sprintf("%q with the mark %d", path, want), func(m traytest.Entry) bool {
			e, err := m.Find(path...)
			return err == nil && e.Toggle == want
		})
	}
	mark(1, "Start at login: on")
	mark(1, "Notifications", "Show notifications: on")
	item.Click(t, "Notifications", "Show notifications: on")
	a.wait(t, "notifications off true")
	mark(0, "Notifications: off", "Show notifications: off")
	mark(-1, "Pause all calls")
}

func TestPanelHangs(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	h.Hang(true)
	a := start(t, b.Env())
	a.wait(t, "status true false the panel does not answer")
	a.tell(t, "set s connected 3")
	a.tell(t, "goroutines")
	a.wait(t, "goroutines") // it goes on
	h.Hang(false)
	h.Item(t, "sample").WaitEntry(t, "● s · connected · 3 tools")
	a.wait(t, "status true true")
}

func TestManyServers(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b.Env())
	item := h.Item(t, "sample")
	a.tell(t, "many 1000")
	item.WaitEntry(t, "s0100 … s0124", "s0124 · connected")
	menu := item.Menu(t)
	size := item.LayoutBytes(t)
	t.Logf("%d items, %d bytes", menu.Count(), size)
	if menu.Count() > 300 || size > 50<<10 {
		t.Errorf("the menu has %d items in %d bytes, want at most 300 in 50 KiB", menu.Count(), size)
	}
	item.Click(t, "s0100 … s0124", "s0117")
	item.Click(t, "● s0117 · connected · 0 tools", "Disable")
	a.wait(t, "enabled s0117 false")
}

// TestOneIconOnGNOME: the extension lists an icon in a spelling of its own.
func TestOneIconOnGNOME(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	h.AsGNOME()
	start(t, b.Env())
	item := h.Item(t, "sample")
	quiet(t, item) // longer than it takes to look whether the icon is registered
	if keys := h.Keys(); len(keys) != 1 {
		t.Errorf("icons: %q", keys)
	}
}

// TestSubmenusAreKnownAtFirstSight: Plasma never gives a submenu to an item that
// had none when it first saw it, hidden or not.
func TestSubmenusAreKnownAtFirstSight(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b.Env())
	item := h.Item(t, "sample")
	had := map[int32]bool{}
	for _, e := range item.Menu(t).Children {
		had[e.ID] = e.Submenu
	}
	for i := range 5 {
		a.tell(t, "set s%d connected 3", i)
	}
	item.WaitEntry(t, "5 of 5 connected")
	for _, e := range item.Menu(t).Children {
		if was, seen := had[e.ID]; seen && e.Visible && e.Submenu && !was {
			t.Errorf("%q has got its submenu after it was seen without", e.Label)
		}
	}
}
