package tray

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

func TestAskedRestartOnlyOfWhatIsDown(t *testing.T) {
	for state, want := range map[stateview.State]string{
		stateview.Backoff: "restart a", stateview.Failed: "restart a", stateview.Connecting: "restart a",
		stateview.Connected:    "notify a is connected again: Nothing was restarted.",
		stateview.Disabled:     "notify a is switched off: Nothing was restarted. Its menu in the tray switches it on.",
		stateview.Stopping:     "notify a is switched off: Nothing was restarted. Its menu in the tray switches it on.",
		stateview.Quarantined:  "notify a waits for you: Nothing was restarted. The tray menu says what for.",
		stateview.AuthRequired: "notify a waits for you: Nothing was restarted. The tray menu says what for.",
	} {
		inTray(t, func(d *desk) {
			d.set("a", state)
			synctest.Wait()
			d.tray.Restart("a")
			synctest.Wait()
			if got := d.done(); got != want {
				t.Errorf("%v: did %q, want %q", state, got, want)
			}
		})
	}
}

func TestAskedOfAServerThatIsGone(t *testing.T) {
	inTray(t, func(d *desk) {
		d.tray.Restart("b")
		d.tray.Mute("b")
		synctest.Wait()
		const gone = "notify b is gone: It is no longer configured. Nothing was done."
		if got := d.done(); got != gone+"; "+gone {
			t.Errorf("did %q", got)
		}
	})
}

func TestAskedRestartIsMarkedAndMadeOnce(t *testing.T) {
	inTray(t, func(d *desk) {
		d.take = time.Second
		d.set("a", stateview.Failed)
		synctest.Wait()
		d.tray.Restart("a")
		synctest.Wait()
		if !d.shows("… a") {
			t.Error("no mark at once")
		}
		d.tray.Restart("a")
		time.Sleep(3 * time.Second)
		if got := d.done(); got != "restart a" || d.shows("… a") {
			t.Errorf("did %q", got)
		}
	})
}

func TestAskedActionsThatFailSayWhy(t *testing.T) {
	inTray(t, func(d *desk) {
		d.fail = errors.New("the disk is full")
		d.set("a", stateview.Failed)
		synctest.Wait()
		d.tray.Restart("a")
		synctest.Wait()
		d.tray.Mute("a")
		synctest.Wait()
		d.tray.OpenPage("a", "")
		synctest.Wait()
		got := d.done()
		for _, want := range []string{"notify Could not restart a: ", "notify Could not mute a: ", "notify Could not open the status page: "} {
			if !strings.Contains(got, want) {
				t.Errorf("did %q, want %q", got, want)
			}
		}
		if strings.Contains(got, "No more notifications") {
			t.Errorf("did %q", got)
		}
	})
}

func TestAskedMuteSaysHowToUndoIt(t *testing.T) {
	inTray(t, func(d *desk) {
		d.tray.Mute("a")
		synctest.Wait()
		if got, want := d.done(), "mute true; notify No more notifications about a: Its menu in the tray switches them on again."; got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestAskedPageOpensAtTheServer(t *testing.T) {
	inTray(t, func(d *desk) {
		for _, ask := range [][2]string{{"", ""}, {"b c/d#é", ""}, {"a", "token"}} {
			d.tray.OpenPage(ask[0], ask[1])
			synctest.Wait()
		}
		want := "browse http://page; browse http://page#server-b%20c%2Fd%23%C3%A9; browse http://page#server-a in front by token"
		if got := d.done(); got != want {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestAskNeverBlocks(t *testing.T) {
	tray := New(Options{}) // nobody runs it
	for range 3 * maxAsks {
		tray.Restart("a")
	}
	if len(tray.asks) != maxAsks {
		t.Errorf("%d wait, want %d", len(tray.asks), maxAsks)
	}
}
