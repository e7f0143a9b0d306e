package tray

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

func TestSwitchesAndBack(t *testing.T) {
	for _, c := range []struct {
		name      string
		on, off   menu.Kind
		server    string
		shown     string // after the first click
		then, did string
	}{
		{"pause", menu.Pause, menu.Resume, "", "Calls are paused · 1 of 1 connected", "(1 of 1 connected)", "paused true; paused false"},
		{"notifications", menu.NotifyOff, menu.NotifyOn, "", "Notifications: off", "✓ Show notifications: on", "notify false; notify true"},
		{"mute", menu.Mute, menu.Unmute, "a", "Unmute notifications", "Mute notifications", "mute true; mute false"},
		{"login", menu.LoginOn, menu.LoginOff, "", "✓ Start at login: on", "Start at login: off", "login true; login false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTray(t, func(d *desk) {
				d.click(t, c.on, c.server)
				if !d.shows(c.shown) {
					t.Errorf("no %q after the click", c.shown)
				}
				time.Sleep(doubleClick)
				d.click(t, c.off, c.server)
				if !d.shows(c.then) {
					t.Errorf("no %q after the second click", c.then)
				}
				if got := d.done(); got != c.did {
					t.Errorf("did %q, want %q", got, c.did)
				}
			})
		})
	}
}

func TestQuietEndsInTheMenu(t *testing.T) {
	inTray(t, func(d *desk) {
		time.Sleep(40 * time.Second) // a bubble begins at a full hour
		d.click(t, menu.Quiet, "")
		if !d.shows("Notifications: quiet until 01:01") {
			t.Error("no time in the menu")
		}
		n := len(d.drawn())
		time.Sleep(time.Hour - time.Minute)
		if got := len(d.drawn()); got != n {
			t.Errorf("%d redraws while nothing changed", got-n)
		}
		time.Sleep(2 * time.Minute)
		if d.shows("quiet until") || !d.shows("Quiet for one hour") {
			t.Error("the menu is quiet for ever")
		}
	})
}

func TestEnableForAnHour(t *testing.T) {
	inTray(t, func(d *desk) {
		d.set("a", stateview.Disabled)
		time.Sleep(3 * time.Second)
		d.click(t, menu.EnableHour, "a")
		if !d.shows("● a · connected · on until 01:00") {
			t.Error("no time in the row")
		}
		if got, want := d.done(), "set a true; for 1h0m0s"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
		d.effect = false // it is on already
		d.click(t, menu.Enable, "a")
		if !d.shows("● a · connected") {
			t.Errorf("to keep it on is marked as under way in\n%s", menu.Format(d.menu))
		}
	})
}

func TestQuitIsSeen(t *testing.T) {
	inTray(t, func(d *desk) {
		d.click(t, menu.Quit, "")
		if got, want := menu.Format(d.menu), "icon: paused\ntooltip: quitting\n(Quitting: the servers are being ended…)\n----\n----\n"; got != want {
			t.Errorf("the menu is\n%s\nwant\n%s", got, want)
		}
	})
}

func TestCopyURLOfAServer(t *testing.T) {
	inTray(t, func(d *desk) {
		d.set("b c/d", stateview.Connected)
		time.Sleep(3 * time.Second)
		d.click(t, menu.CopyURL, "b c/d")
		if got, want := d.done(), "copy http://u/server/b%20c%2Fd; notify Copied: http://u/server/b%20c%2Fd"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestReviewOpensThePage(t *testing.T) {
	inTray(t, func(d *desk) {
		d.view.UpdateServer("a", func(s *stateview.ServerStatus) {
			s.Tools = stateview.NewToolList([]stateview.Tool{{Name: "t", Held: true}})
		})
		synctest.Wait()
		d.click(t, menu.Review, "a")
		if got, want := d.done(), "browse http://page#server-a"; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestPasteSaysWhatBecameOfIt(t *testing.T) {
	inTray(t, func(d *desk) {
		d.click(t, menu.Paste, "")
		if got, want := d.done(), "notify Added pasted: It waits for your approval"; !strings.HasPrefix(got, want) {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestFailedSwitchesSayWhy(t *testing.T) {
	for kind, want := range map[menu.Kind]string{
		menu.Pause: "Could not pause calls: ", menu.Paste: "Could not add a server from the clipboard: ", menu.LoginOn: "Could not set the start at login: ",
		menu.NotifyOff: "Could not switch notifications off: ", menu.Quiet: "Could not keep quiet: ", menu.OpenPage: "Could not open the status page: ",
	} {
		inTray(t, func(d *desk) {
			d.fail = errors.New("the disk is full")
			d.click(t, kind, "")
			if got := d.done(); !strings.HasSuffix(got, "notify "+want+"The disk is full.") {
				t.Errorf("did %q, want %q", got, want)
			}
			if d.shows("\n… ") {
				t.Error("it is marked as under way for ever")
			}
		})
	}
}

func TestASlowSwitchIsMarked(t *testing.T) {
	inTray(t, func(d *desk) {
		d.take = time.Second
		d.click(t, menu.Pause, "")
		if !d.shows("… Pause all calls") {
			t.Error("no mark at once")
		}
		time.Sleep(2 * time.Second)
		if d.shows("… ") || !d.shows("Resume calls") {
			t.Error("no result after")
		}
	})
}
