package traytest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"mcpproxy-tray/internal/tray/traytest"
)

type entry struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// app is a tray program of one menu, written by hand for these tests.
type app struct {
	conn   *dbus.Conn
	clicks chan int32
}

func (a *app) GetLayout(_, _ int32, _ []string) (uint32, entry, *dbus.Error) {
	leaf := func(id int32, label string, visible bool) dbus.Variant {
		return dbus.MakeVariant(entry{id, map[string]dbus.Variant{
			"label": dbus.MakeVariant(label), "visible": dbus.MakeVariant(visible)}, []dbus.Variant{}})
	}
	sub := dbus.MakeVariant(entry{2, map[string]dbus.Variant{
		"label": dbus.MakeVariant("● my__server · connected"), "children-display": dbus.MakeVariant("submenu")},
		[]dbus.Variant{leaf(3, "Disable", true), leaf(4, "Restart", false)}})
	return 1, entry{0, map[string]dbus.Variant{}, []dbus.Variant{leaf(1, "_Quit", true), sub}}, nil
}

func (a *app) Event(id int32, name string, _ dbus.Variant, _ uint32) *dbus.Error {
	if name == "clicked" {
		a.clicks <- id
	}
	return nil
}

func start(t *testing.T, b *traytest.PrivateBus) *app {
	t.Helper()
	a := &app{conn: b.Connect(t), clicks: make(chan int32, 1)}
	must(t, a.conn.Export(a, "/M", "com.canonical.dbusmenu"))
	_, err := prop.Export(a.conn, "/I", prop.Map{"org.kde.StatusNotifierItem": {
		"Id": {Value: "sample"}, "Menu": {Value: dbus.ObjectPath("/M")}}})
	must(t, err)
	return a
}

func (a *app) register(t *testing.T) {
	t.Helper()
	must(t, a.conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").
		Call("org.kde.StatusNotifierWatcher.RegisterStatusNotifierItem", 0, "/I").Err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHostReadsAndClicks(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b)
	a.register(t)
	a.register(t)
	if keys := h.Keys(); len(keys) != 1 || h.Registrations() != 2 {
		t.Errorf("keys = %q after %d registrations, want one after 2", keys, h.Registrations())
	}
	it := h.Item(t, "sample")
	if got, want := it.Menu(t).String(), "Quit\n● my_server · connected\n  Disable\n"; got != want {
		t.Errorf("menu =\n%swant\n%s", got, want)
	}
	it.Click(t, "my_server", "Disable")
	if id := <-a.clicks; id != 3 {
		t.Errorf("clicked %d, want 3", id)
	}
	if it.Menu(t).Has("my_server", "Restart") {
		t.Error("a hidden entry was found")
	}
	must(t, a.conn.Emit("/M", "com.canonical.dbusmenu.LayoutUpdated", uint32(2), int32(0)))
	if n := it.Signals(t)["LayoutUpdated"]; n != 1 {
		t.Errorf("LayoutUpdated counted %d times, want 1", n)
	}
}

func TestHostForgetsItems(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b)
	a.register(t)
	h.Item(t, "sample")
	h.Restart(t)
	if keys := h.Keys(); len(keys) != 0 {
		t.Errorf("a restarted panel knows %q", keys)
	}
	a.register(t)
	h.Item(t, "sample")
	a.conn.Close()
	traytest.WaitFor(t, "the item to go", func() bool { return len(h.Keys()) == 0 })
}

func TestHostHangs(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	a := start(t, b)
	h.Hang(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := a.conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").
		CallWithContext(ctx, "org.kde.StatusNotifierWatcher.RegisterStatusNotifierItem", 0, "/I").Err
	if err == nil {
		t.Error("a hanging panel answered")
	}
	h.Hang(false)
	h.Item(t, "sample")
}

func TestDaemon(t *testing.T) {
	b := traytest.Bus(t)
	d := b.Daemon(t, "actions")
	conn := b.Connect(t)
	obj := conn.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications")
	notify := func(replaces uint32, title string) (id uint32) {
		t.Helper()
		must(t, obj.Call("org.freedesktop.Notifications.Notify", 0, "app", replaces, "", title, "body",
			[]string{"restart", "Restart"}, map[string]dbus.Variant{"urgency": dbus.MakeVariant(byte(1))}, int32(-1)).Store(&id))
		return id
	}
	first := notify(0, "one")
	if again := notify(first, "two"); again != first {
		t.Errorf("replacing %d gave %d", first, again)
	}
	notes := d.Wait(t, 2)
	if len(notes) != 2 || notes[1].Replaces != first || notes[0].Summary != "one" || notes[0].Hints["urgency"].Value() != byte(1) {
		t.Errorf("notes = %+v", notes)
	}
	var caps []string
	must(t, obj.Call("org.freedesktop.Notifications.GetCapabilities", 0).Store(&caps))
	if !slices.Equal(caps, []string{"actions"}) {
		t.Errorf("capabilities = %q", caps)
	}
	signals := make(chan *dbus.Signal, 4)
	conn.Signal(signals)
	must(t, conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.Notifications")))
	d.Action(t, first, "restart")
	if s := <-signals; !strings.HasSuffix(s.Name, ".ActionInvoked") || s.Body[0] != first || s.Body[1] != "restart" {
		t.Errorf("signal = %+v", s)
	}
	must(t, obj.Call("org.freedesktop.Notifications.CloseNotification", 0, first).Err)
	if s := <-signals; !strings.HasSuffix(s.Name, ".NotificationClosed") || !slices.Equal(d.Closed(), []uint32{first}) {
		t.Errorf("signal = %+v, closed = %d", s, d.Closed())
	}
	d.Stop()
	if err := obj.Call("org.freedesktop.Notifications.GetCapabilities", 0).Err; err == nil {
		t.Error("a stopped daemon answered")
	}
	d.Start(t)
	notify(0, "three")
	d.Wait(t, 3)
}

func TestBusRestarts(t *testing.T) {
	b := traytest.Bus(t)
	conn := b.Connect(t)
	b.Stop()
	<-conn.Context().Done()
	b.Start(t)
	b.Connect(t)
}

// TestHostAsGNOME: what registers by path is listed with an "@", and once more if it
// registers by name, too.
func TestHostAsGNOME(t *testing.T) {
	b := traytest.Bus(t)
	h := b.Host(t)
	h.AsGNOME()
	a := start(t, b)
	a.register(t)
	a.register(t)
	key := a.conn.Names()[0] + "@/I"
	if keys := h.Keys(); len(keys) != 1 || keys[0] != key {
		t.Errorf("keys = %q, want %q", keys, key)
	}
	if it := h.Item(t, "sample"); it.Key != key {
		t.Errorf("the item's key is %q", it.Key)
	}
	must(t, a.conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").
		Call("org.kde.StatusNotifierWatcher.RegisterStatusNotifierItem", 0, "org.kde.StatusNotifierItem-7-1").Err)
	if keys := h.Keys(); len(keys) != 2 || keys[1] != "org.kde.StatusNotifierItem-7-1" {
		t.Errorf("keys = %q, want two", keys)
	}
}
