package tray

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// A desk is a screen, a desktop and the commands, all recording. In a synctest
// bubble synctest.Wait orders its reads; mu keeps the writers apart.
type desk struct {
	view   *stateview.View
	clicks chan menu.ID
	tray   *Tray

	mu     sync.Mutex // guards what follows
	menu   *menu.Menu
	draws  []time.Time
	did    []string
	fail   error
	effect bool          // commands change the status
	take   time.Duration // how long a command takes

	told     []uint64 // versions that were drawn
	changing int      // how often that changed the screen

	switches // what the program says of itself
}

// switches are a Program, Mutes and an Autostart that remember what they are told.
type switches struct {
	paused, off, login bool
	until              map[string]time.Time
	quiet              time.Time
	muted              []string
	changed            chan struct{}
	clipboard          string
}

func (d *desk) Apply(ops []menu.Op) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.menu.Apply(ops)
	d.draws = append(d.draws, time.Now())
}
func (d *desk) Clicks() <-chan menu.ID { return d.clicks }
func (d *desk) Style() menu.Style      { return menu.StyleDarwin }

func (d *desk) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, fmt.Sprintf(format, args...))
}

func (d *desk) command(ctx context.Context, name, text string, fn func(*stateview.ServerStatus)) error {
	d.note("%s", text)
	select {
	case <-time.After(d.take):
	case <-ctx.Done():
		return ctx.Err()
	}
	if d.fail == nil && d.effect {
		d.view.UpdateServer(name, fn)
	}
	return d.fail
}

func (d *desk) SetEnabled(ctx context.Context, name string, on bool) error {
	return d.command(ctx, name, fmt.Sprintf("set %s %v", name, on), func(s *stateview.ServerStatus) {
		s.Enabled, s.State = on, stateview.Disabled
		if on {
			s.State = stateview.Connected
		}
	})
}

func (d *desk) Restart(ctx context.Context, name string) error {
	return d.command(ctx, name, "restart "+name, func(s *stateview.ServerStatus) { s.Since = time.Now() })
}

func (d *desk) Approve(ctx context.Context, name, id string) error {
	return d.command(ctx, name, "approve "+name+" "+id, func(s *stateview.ServerStatus) { s.State = stateview.Connected })
}

func (d *desk) EnableFor(ctx context.Context, name string, span time.Duration) error {
	err := d.SetEnabled(ctx, name, true)
	return errors.Join(err, d.turn("for %v", span, func() { d.until = map[string]time.Time{name: time.Now().Add(span)} }))
}

// turn notes and makes a change of the switches, unless it shall fail.
func (d *desk) turn(format string, arg any, fn func()) error {
	d.note(format, arg)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		fn()
		close(d.changed)
		d.changed = make(chan struct{})
	}
	return d.fail
}

func (d *desk) Switches() (bool, map[string]time.Time, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.paused, d.until, d.changed
}

func (d *desk) SetPaused(ctx context.Context, on bool) error {
	time.Sleep(d.take)
	return d.turn("paused %v", on, func() { d.paused = on })
}

func (d *desk) AddText(_ context.Context, text string) ([]string, error) {
	if d.fail == nil {
		d.set(text, stateview.Quarantined)
		return []string{text}, nil
	}
	return nil, d.fail
}

// A mutes is the desk's part that is muted; State is a method of its own.
type mutes struct{ *desk }

func (d mutes) State() (bool, time.Time, []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.off, d.quiet, d.muted
}

func (d mutes) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}
func (d mutes) SetOn(on bool) error { return d.turn("notify %v", on, func() { d.off = !on }) }
func (d mutes) QuietUntil(t time.Time) error {
	return d.turn("quiet %s", t.UTC().Format("15:04:05"), func() { d.quiet = t })
}
func (d mutes) MuteServer(name string, on bool) error {
	return d.turn("mute %v", on, func() {
		d.muted = nil
		if on {
			d.muted = []string{name}
		}
	})
}

type autostart struct{ *desk }

func (d autostart) Enabled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.login
}
func (d autostart) SetEnabled(on bool) error { return d.turn("login %v", on, func() { d.login = on }) }

func (d *desk) OpenURL(url string) error { d.note("browse %s", url); return d.fail }
func (d *desk) OpenURLWith(token, url string) error {
	d.note("browse %s in front by %s", url, token)
	return d.fail
}
func (d *desk) PasteText() (string, error) { return d.clipboard, nil }
func (d *desk) CanPaste() bool             { return true }

func (d *desk) OpenFile(path string) error { d.note("open %s", path); return d.fail }
func (d *desk) CopyText(text string) error { d.note("copy %s", text); return d.fail }

// inTray runs fn beside a running tray, in a bubble.
func inTray(t *testing.T, fn func(d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &desk{view: stateview.New(), clicks: make(chan menu.ID, 64), menu: menu.Blank(), effect: true,
			switches: switches{changed: make(chan struct{}), clipboard: "pasted"}}
		d.tray = New(Options{View: d.view, Screen: d, Commands: d, Desktop: d, Location: time.UTC,
			Program: d, Mutes: mutes{d}, Autostart: autostart{d}, Page: func() string { return "http://page" },
			Notify:  func(title, body string) { d.note("notify %s: %s", title, body) },
			Config:  "config.json",
			LogFile: func(server string) string { return server + ".log" },
			URL:     func() string { return "http://u" },
			Quit:    func() { d.note("quit") },
			Drawn: func(s *stateview.Snapshot, changed bool) {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.told = append(d.told, s.Seq())
				if changed {
					d.changing++
				}
			}})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := d.tray.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		d.set("a", stateview.Connected)
		synctest.Wait()
		time.Sleep(3 * time.Second) // no slot is new any more
		fn(d)
		cancel()
		wg.Wait()
	})
}

func (d *desk) set(name string, state stateview.State) {
	d.view.UpdateServer(name, func(s *stateview.ServerStatus) {
		s.State, s.Enabled = state, state != stateview.Disabled
		s.SetLaunch(stateview.Launch{Line: "run " + name, ID: "id-" + name})
	})
}

// click clicks the visible slot that does an action.
func (d *desk) click(t *testing.T, kind menu.Kind, server string) {
	t.Helper()
	d.clicks <- d.slot(t, kind, server)
	synctest.Wait()
}

func (d *desk) slot(t *testing.T, kind menu.Kind, server string) menu.ID {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.menu.Nodes {
		if n.Action.Kind == kind && n.Action.Server == server {
			return n.ID
		}
	}
	t.Fatalf("nothing does %v %s in\n%s", kind, server, menu.Format(d.menu))
	return 0
}

func (d *desk) shows(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Contains(menu.Format(d.menu), text)
}

func (d *desk) drawn() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.draws)
}

func (d *desk) done() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.did, "; ")
}

func TestEveryKindHasAHandler(t *testing.T) {
	tray := New(Options{})
	for _, k := range menu.Kinds() {
		if tray.handler(menu.Action{Kind: k}) == nil {
			t.Errorf("nothing handles %v", k)
		}
	}
	if tray.handler(menu.Action{}) != nil {
		t.Error("something handles no action")
	}
}

func TestClicksBecomeCommands(t *testing.T) {
	for kind, want := range map[menu.Kind]string{
		menu.Disable: "set a false", menu.Restart: "restart a", menu.OpenLog: "open a.log",
		menu.CopyURL: "copy http://u; notify Copied: http://u", menu.Quit: "quit",
		menu.Pause: "paused true", menu.OpenPage: "browse http://page", menu.Mute: "mute true", menu.NotifyOff: "notify false",
		menu.LoginOn: "login true", menu.EditConfig: "open config.json",
	} {
		inTray(t, func(d *desk) {
			server := "a"
			switch kind {
			case menu.CopyURL, menu.Quit, menu.Pause, menu.OpenPage, menu.NotifyOff, menu.LoginOn, menu.EditConfig:
				server = ""
			}
			d.click(t, kind, server)
			if got := d.done(); got != want {
				t.Errorf("%v did %q, want %q", kind, got, want)
			}
		})
	}
	inTray(t, func(d *desk) {
		d.set("q", stateview.Quarantined)
		synctest.Wait()
		d.click(t, menu.Approve, "q")
		if got, want := d.done(), "approve q id-q"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestDisableThenEnableAtOnce(t *testing.T) {
	inTray(t, func(d *desk) {
		d.click(t, menu.Disable, "a")
		time.Sleep(400 * time.Millisecond)
		d.click(t, menu.Enable, "a") // the second of a double click
		if got, want := d.done(), "set a false"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
		time.Sleep(600 * time.Millisecond)
		d.click(t, menu.Enable, "a")
		if got, want := d.done(), "set a false; set a true"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestPendingIsShownAtOnceAndEnds(t *testing.T) {
	inTray(t, func(d *desk) {
		d.take = time.Second
		d.click(t, menu.Restart, "a")
		if !d.shows("… a · restarting") {
			t.Errorf("no mark in\n%s", menu.Format(d.menu))
		}
		time.Sleep(2 * time.Second)
		if !d.shows("● a · connected") {
			t.Errorf("the mark stays in\n%s", menu.Format(d.menu))
		}
	})
	inTray(t, func(d *desk) {
		d.effect = false
		d.click(t, menu.Restart, "a")
		time.Sleep(pendingFor + time.Second)
		if !d.shows("● a · connected") {
			t.Error("a command without effect is pending for ever")
		}
	})
}

type clear struct{}

func (clear) Error() string { return "raw" }
func (clear) Problem() stateview.Problem {
	return stateview.Problem{Text: "The file is read-only.", Hint: "Change that."}
}

func TestFailureIsTold(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("raw error"):            "Something went wrong. The program's log says what.",
		fmt.Errorf("wrapped: %w", clear{}): "The file is read-only. Change that.",
	} {
		inTray(t, func(d *desk) {
			d.fail = err
			d.click(t, menu.Disable, "a")
			if got, want := d.done(), "set a false; notify Could not disable a: "+want; got != want {
				t.Errorf("did %q, want %q", got, want)
			}
			if !d.shows("● a · connected") {
				t.Error("the mark stays after a failure")
			}
		})
	}
}

func TestStaleClickDoesNothing(t *testing.T) {
	inTray(t, func(d *desk) {
		slot := d.slot(t, menu.Restart, "a")
		d.set("0-new", stateview.Connected) // takes the first row
		synctest.Wait()
		d.clicks <- slot
		synctest.Wait()
		if got := d.done(); !strings.HasPrefix(got, "notify Nothing was done") {
			t.Errorf("a click on a slot that just changed did %q", got)
		}
		time.Sleep(staleFor)
		d.clicks <- slot
		synctest.Wait()
		if got := d.done(); !strings.HasSuffix(got, "restart 0-new") {
			t.Errorf("a later click did %q", got)
		}
	})
	inTray(t, func(d *desk) {
		slot := d.slot(t, menu.Disable, "a")
		d.set("a", stateview.Disabled) // by somebody else
		synctest.Wait()
		d.clicks <- slot
		synctest.Wait()
		if got := d.done(); strings.Contains(got, "set") {
			t.Errorf("a click meant as disable did %q", got)
		}
	})
}

func TestRedrawsAreLimited(t *testing.T) {
	inTray(t, func(d *desk) {
		before := len(d.drawn())
		began := time.Now()
		for i := range 1001 {
			// 24 to 26 changes later, at the next redraw, it is another one; the last is Backoff.
			d.set("a", stateview.State((i+5)%7))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		draws := d.drawn()[before:]
		if n := len(draws); n > 42 || n < 20 {
			t.Errorf("%d redraws in 10 s, want 20 to 42", n)
		}
		if wait := draws[0].Sub(began); wait != 0 {
			t.Errorf("the first change was drawn after %v, want at once", wait)
		}
		if !d.shows("… a · down, retrying") {
			t.Error("the last change is not shown")
		}
		if last := d.told[len(d.told)-1]; last != d.view.Snapshot().Seq() || d.changing != len(d.drawn()) {
			t.Errorf("told of version %d and %d changes of the screen, which had %d", last, d.changing, len(d.drawn()))
		}
		n := len(d.drawn())
		time.Sleep(time.Hour)
		if more := len(d.drawn()) - n; more != 0 {
			t.Errorf("%d redraws in an hour of nothing", more)
		}
	})
}

func TestPickGivesARow(t *testing.T) {
	inTray(t, func(d *desk) {
		for i := range 30 {
			d.set(fmt.Sprintf("s%02d", i), stateview.Connected)
		}
		time.Sleep(3 * time.Second)
		d.click(t, menu.Pick, "s17")
		time.Sleep(3 * time.Second) // the row may have been another server's before there were so many
		d.click(t, menu.Restart, "s17")
		if got, want := d.done(), "restart s17"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}
