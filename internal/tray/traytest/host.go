package traytest

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = dbus.ObjectPath("/StatusNotifierWatcher")
)

// A Host is a fake panel: a StatusNotifierWatcher with a host, and a Reader of
// the items that register with it.
type Host struct {
	*Reader
	bus  *PrivateBus
	gate gate

	mu            sync.Mutex // guards what follows
	conn          *dbus.Conn
	props         *prop.Properties
	items         []item // in the order of registration
	registrations int
	bare          bool
	gnome         bool
}

// An item as the watcher lists it, and who registered it.
type item struct{ key, owner string }

// Host starts a fake panel.
func (b *PrivateBus) Host(t testing.TB) *Host {
	t.Helper()
	h := &Host{bus: b, Reader: Attach(t, b.Address)}
	h.Start(t)
	t.Cleanup(func() { h.gate.set(false) })
	return h
}

// Start takes the watcher's name on the bus, again after Stop: as a panel that
// was restarted, it knows no items.
func (h *Host) Start(t testing.TB) {
	t.Helper()
	conn := h.bus.Connect(t)
	if err := conn.Export(watcher{h}, watcherPath, watcherName); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	props, err := prop.Export(conn, watcherPath, prop.Map{watcherName: {
		"RegisteredStatusNotifierItems":  {Value: []string{}, Writable: true, Emit: prop.EmitTrue},
		"IsStatusNotifierHostRegistered": {Value: !h.bare, Writable: true, Emit: prop.EmitTrue},
		"ProtocolVersion":                {Value: int32(0), Emit: prop.EmitTrue},
	}})
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged")); err != nil {
		t.Fatal(err)
	}
	h.conn, h.props, h.items = conn, props, nil
	var wg sync.WaitGroup
	wg.Go(func() { h.forget(conn, signals) })
	t.Cleanup(wg.Wait) // runs before the cleanup below it, after the connection's close
	t.Cleanup(func() { conn.Close() })
	own(t, conn, watcherName)
}

// Stop leaves the bus, as a panel that crashed.
func (h *Host) Stop() {
	h.mu.Lock()
	conn := h.conn
	h.mu.Unlock()
	conn.Close()
}

// Restart is Stop and Start, with nothing between.
func (h *Host) Restart(t testing.TB) {
	t.Helper()
	h.Stop()
	h.Start(t)
}

// Hang makes the panel answer no registration until it is told otherwise.
func (h *Host) Hang(hang bool) { h.gate.set(hang) }

// SetBare makes it a watcher that no panel uses, or a used one again.
func (h *Host) SetBare(t testing.TB, bare bool) {
	t.Helper()
	h.mu.Lock()
	h.bare = bare
	h.set("IsStatusNotifierHostRegistered", !bare)
	conn := h.conn
	h.mu.Unlock()
	signal := watcherName + ".StatusNotifierHostRegistered"
	if bare {
		signal = watcherName + ".StatusNotifierHostUnregistered"
	}
	if err := conn.Emit(watcherPath, signal); err != nil {
		t.Fatal(err)
	}
}

// AsGNOME makes it list items as the AppIndicator extension does: one that registered by
// path as ":1.2@/path", one that registered by name under that name. The same item that
// comes both ways is two. It comes before the first registration.
func (h *Host) AsGNOME() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gnome = true
}

// Registrations returns how many calls of RegisterStatusNotifierItem there were.
func (h *Host) Registrations() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.registrations
}

// forget drops the items of programs that left the bus.
func (h *Host) forget(conn *dbus.Conn, signals <-chan *dbus.Signal) {
	for s := range signals {
		if s.Name != "org.freedesktop.DBus.NameOwnerChanged" || len(s.Body) != 3 || s.Body[2] != "" {
			continue
		}
		gone, _ := s.Body[0].(string)
		h.mu.Lock()
		if h.conn == conn {
			h.items = slices.DeleteFunc(h.items, func(i item) bool { return i.owner == gone })
			h.publish()
		}
		h.mu.Unlock()
	}
}

// publish tells the bus which items there are. The caller holds mu.
func (h *Host) publish() {
	keys := []string{}
	for _, i := range h.items {
		keys = append(keys, i.key)
	}
	h.set("RegisteredStatusNotifierItems", keys)
}

// set changes a property. A failure to announce it is a bus that went away,
// which tests do on purpose.
func (h *Host) set(name string, value any) {
	_ = h.props.Set(watcherName, name, dbus.MakeVariant(value))
}

// watcher is the D-Bus interface of a Host.
type watcher struct{ h *Host }

// RegisterStatusNotifierItem takes a bus name or, from some libraries, an
// object path; the same item may come both ways and is one.
func (w watcher) RegisterStatusNotifierItem(service string, sender dbus.Sender) *dbus.Error {
	w.h.gate.wait()
	name, path := service, "/StatusNotifierItem"
	if i := strings.IndexByte(service, '/'); i >= 0 {
		name, path = service[:i], service[i:]
	}
	key := string(sender) + path
	if name != "" && name != string(sender) {
		key = name + path
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	if w.h.gnome {
		if key = name; name == "" || name == string(sender) {
			key = string(sender) + "@" + path
		}
	}
	w.h.registrations++
	if slices.ContainsFunc(w.h.items, func(i item) bool { return i.key == key }) {
		return nil
	}
	w.h.items = append(w.h.items, item{key, string(sender)})
	w.h.publish()
	if err := w.h.conn.Emit(watcherPath, watcherName+".StatusNotifierItemRegistered", key); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

func (w watcher) RegisterStatusNotifierHost(string) *dbus.Error { return nil }
