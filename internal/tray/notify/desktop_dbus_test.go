//go:build !windows && !darwin

package notify

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"mcpproxy-tray/internal/tray/traytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a desktop on a private bus that closes with the test.
func open(t *testing.T, bus *traytest.PrivateBus) *Desktop {
	t.Helper()
	d := newDesktop(bus.Address)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func send(t *testing.T, d *Desktop, n Note) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sendLimit)
	defer cancel()
	return d.Send(ctx, n)
}

func mustSend(t *testing.T, d *Desktop, n Note) {
	t.Helper()
	if err := send(t, d, n); err != nil {
		t.Fatal(err)
	}
}

func TestDesktopReplacesByTag(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "body"), open(t, bus)
	mustSend(t, d, Note{Tag: "x", Title: "a disconnected", Body: "Why?", Category: "network.disconnected"})
	mustSend(t, d, Note{Tag: "y", Title: "b waits", Urgent: true})
	mustSend(t, d, Note{Tag: "x", Title: "a reconnected"})
	got := daemon.Wait(t, 3)
	if got[2].Replaces != got[0].ID || got[1].Replaces != 0 || got[1].ID == got[0].ID || len(got) != 3 {
		t.Errorf("replaced %d and %d, ids %d, %d", got[1].Replaces, got[2].Replaces, got[0].ID, got[1].ID)
	}
	n := got[0]
	if n.App != appName || n.Summary != "a disconnected" || n.Body != "Why?" || len(n.Actions) != 0 {
		t.Errorf("got %+v", n)
	}
	for name, want := range map[string]any{"category": "network.disconnected", "urgency": urgencyNormal, "desktop-entry": appName} {
		if got := n.Hints[name].Value(); got != want {
			t.Errorf("hint %s = %v, want %v", name, got, want)
		}
	}
	if _, ok := got[1].Hints["category"]; ok || got[1].Hints["urgency"].Value() != urgencyCritical {
		t.Errorf("hints = %v", got[1].Hints)
	}
}

func TestDesktopWithdrawsByTag(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "body"), open(t, bus)
	must(t, d.Withdraw(t.Context(), "x")) // before there is a connection
	mustSend(t, d, Note{Tag: "x", Title: "a waits"})
	mustSend(t, d, Note{Tag: "y", Title: "b waits"})
	must(t, d.Withdraw(t.Context(), "unknown"))
	must(t, d.Withdraw(t.Context(), "x"))
	if got := daemon.Closed(); len(got) != 1 || got[0] != daemon.Notes()[0].ID {
		t.Errorf("closed %v of %+v", got, daemon.Notes())
	}
	daemon.Stop()
	daemon.Start(t) // its ids are not ours
	must(t, d.Withdraw(t.Context(), "y"))
	if got := daemon.Closed(); len(got) != 1 {
		t.Errorf("closed %v", got)
	}
}

func TestDesktopShowsThePicture(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	img.SetNRGBA(1, 0, color.NRGBA{R: 200, G: 100, B: 50, A: 128})
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	bus := traytest.Bus(t)
	daemon := bus.Daemon(t, "body")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus.Address)
	for _, icon := range [][]byte{file.Bytes(), nil} {
		d := NewDesktop(icon)
		t.Cleanup(func() { _ = d.Close() })
		mustSend(t, d, Note{Title: "a"})
	}
	got := daemon.Wait(t, 2)
	want := []any{int32(2), int32(1), int32(8), true, int32(8), int32(4), []byte{0, 0, 0, 0, 200, 100, 50, 128}}
	if got := got[0].Hints["image-data"].Value(); !reflect.DeepEqual(got, want) {
		t.Errorf("image-data = %v, want %v", got, want)
	}
	if _, ok := got[1].Hints["image-data"]; ok {
		t.Error("a note without a picture has one")
	}
}

func TestDesktopEscapesOnlyWhereMarkupIsRead(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "body", "body-markup"), open(t, bus)
	for i, name := range naughty {
		n := groupNote(kindDown, []string{name}, DefaultSettings())
		n.Body = clean(name+` <b>&"`, maxBody)
		daemon.SetCapabilities("body", "body-markup")
		mustSend(t, d, n)
		daemon.SetCapabilities("body")
		mustSend(t, d, n)
		got := daemon.Wait(t, 2*i+2)[2*i:]
		if strings.ContainsAny(got[0].Body, "<>") || strings.Contains(got[0].Body, "&#") || strings.Contains(got[0].Body, "&b") || got[1].Body != n.Body || got[0].Summary != n.Title {
			t.Errorf("%q: %q and %q", name, got[0].Body, got[1].Body)
		}
	}
}

func TestDesktopSurvivesItsDaemon(t *testing.T) {
	bus := traytest.Bus(t)
	d := open(t, bus)
	var e dbus.Error
	if err := send(t, d, Note{Tag: "x", Title: "1"}); !errors.As(err, &e) || !strings.HasSuffix(e.Name, "ServiceUnknown") {
		t.Errorf("without a daemon: %v", err)
	}
	daemon := bus.Daemon(t)
	mustSend(t, d, Note{Tag: "x", Title: "2"})
	daemon.Stop()
	traytest.WaitFor(t, "the daemon leaves", func() bool { return send(t, d, Note{Tag: "x", Title: "3"}) != nil })
	second := bus.Daemon(t)
	mustSend(t, d, Note{Tag: "x", Title: "4"})
	if got := second.Wait(t, 1); got[0].Replaces != 0 { // the id may be somebody else's there
		t.Errorf("replaces %d of another daemon", got[0].Replaces)
	}
}

// TestDesktopTellsWhenItsDaemonIsThere: by the bus, and by asking a daemon that hung.
func TestDesktopTellsWhenItsDaemonIsThere(t *testing.T) {
	bus := traytest.Bus(t)
	d := open(t, bus)
	probe := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		return d.Probe(ctx)
	}
	if err := send(t, d, Note{Tag: "x", Title: "1"}); err == nil || probe() == nil {
		t.Fatal("shown to nobody")
	}
	select {
	case <-d.Returned():
		t.Error("a daemon is announced that is not there")
	default:
	}
	daemon := bus.Daemon(t)
	select {
	case <-d.Returned():
	case <-time.After(traytest.Patience):
		t.Fatal("nothing tells that a daemon is there")
	}
	if err := probe(); err != nil {
		t.Error(err)
	}
	daemon.Hang(true)
	if probe() == nil {
		t.Error("a daemon that hangs has answered")
	}
	daemon.Hang(false)
	if err := probe(); err != nil {
		t.Error(err)
	}
	bus.Stop()
	if probe() == nil {
		t.Error("there is no bus")
	}
	bus.Start(t)
	bus.Daemon(t)
	if err := probe(); err != nil {
		t.Error(err)
	}
	if n := len(daemon.Notes()); n > 0 {
		t.Errorf("probes showed %d notes", n)
	}
}

func TestDesktopSurvivesItsBus(t *testing.T) {
	bus := traytest.Bus(t)
	d := open(t, bus)
	bus.Daemon(t)
	mustSend(t, d, Note{Tag: "x", Title: "1"})
	bus.Stop()
	if err := send(t, d, Note{Tag: "x", Title: "2"}); err == nil {
		t.Error("sent without a bus")
	}
	bus.Start(t)
	daemon := bus.Daemon(t)
	mustSend(t, d, Note{Tag: "x", Title: "3"})
	if got := daemon.Wait(t, 1); got[0].Summary != "3" || got[0].Replaces != 0 {
		t.Errorf("got %+v", got[0])
	}
	if err := send(t, newDesktop(""), Note{Title: "4"}); !errors.Is(err, errNoBus) {
		t.Errorf("without an address: %v", err)
	}
}

func TestDesktopGivesUpOnAHangingDaemon(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t), open(t, bus)
	daemon.Hang(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := d.Send(ctx, Note{Title: "1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send() = %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Send took %v", took)
	}
	daemon.Hang(false)
	mustSend(t, d, Note{Title: "2"})
	if got := daemon.Wait(t, 1); got[len(got)-1].Summary != "2" {
		t.Errorf("got %+v", got)
	}
}

func TestDesktopForgetsOldTags(t *testing.T) {
	var l ledger
	for i := range 2 * maxTags {
		l.add(uint32(i+1), Note{Tag: strings.Repeat("x", i)})
	}
	if len(l.shown) != maxTags || l.id("") != 0 || l.id(strings.Repeat("x", 2*maxTags-1)) != 2*maxTags {
		t.Errorf("%d tags remembered", len(l.shown))
	}
}
