package traytest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = dbus.ObjectPath("/org/freedesktop/Notifications")
)

// A Notification is one call of Notify, as the daemon received it.
type Notification struct {
	ID       uint32 // given by the daemon; equals Replaces if that is not 0
	Replaces uint32
	App      string
	Icon     string
	Summary  string
	Body     string
	Actions  []string // key, label, key, label …
	Hints    map[string]dbus.Variant
	Timeout  int32
	Sender   string // unique bus name of the caller
	At       time.Time
}

// A Daemon is a fake notification daemon.
type Daemon struct {
	bus  *PrivateBus
	gate gate

	mu     sync.Mutex // guards what follows
	conn   *dbus.Conn
	caps   []string
	notes  []Notification
	closed []uint32
	last   uint32
}

// Daemon starts a notification daemon with these capabilities, for example
// "actions" and "body-markup".
func (b *PrivateBus) Daemon(t testing.TB, capabilities ...string) *Daemon {
	t.Helper()
	d := &Daemon{bus: b, caps: capabilities}
	d.Start(t)
	t.Cleanup(func() { d.gate.set(false) })
	return d
}

// Start takes the daemon's name on the bus, again after Stop.
func (d *Daemon) Start(t testing.TB) {
	t.Helper()
	conn := d.bus.Connect(t)
	if err := conn.Export(notifications{d}, notifyPath, notifyName); err != nil {
		t.Fatal(err)
	}
	own(t, conn, notifyName)
	d.mu.Lock()
	d.conn = conn
	d.mu.Unlock()
}

// Stop leaves the bus; what was recorded stays.
func (d *Daemon) Stop() {
	d.mu.Lock()
	conn := d.conn
	d.mu.Unlock()
	conn.Close()
}

// SetCapabilities changes what GetCapabilities answers from now on.
func (d *Daemon) SetCapabilities(capabilities ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.caps = capabilities
}

// Hang makes the daemon answer no call until it is told otherwise. Calls that
// arrive meanwhile are recorded when they are answered.
func (d *Daemon) Hang(hang bool) { d.gate.set(hang) }

// Notes returns all notifications so far, oldest first.
func (d *Daemon) Notes() []Notification {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.notes)
}

// Closed returns the ids that programs closed with CloseNotification.
func (d *Daemon) Closed() []uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.closed)
}

// Wait waits until there were n notifications and returns all.
func (d *Daemon) Wait(t testing.TB, n int) []Notification {
	t.Helper()
	WaitFor(t, "notifications", func() bool { return len(d.Notes()) >= n })
	return d.Notes()
}

// Action tells the programs that a person chose an action of a notification.
func (d *Daemon) Action(t testing.TB, id uint32, key string) {
	t.Helper()
	d.Signal(t, "ActionInvoked", id, key)
}

// ActionToken tells the programs the token that comes with the next action.
func (d *Daemon) ActionToken(t testing.TB, id uint32, token string) {
	t.Helper()
	d.Signal(t, "ActivationToken", id, token)
}

// Dismiss tells the programs that a notification is gone: reason 1 expired, 2
// dismissed by a person, 3 closed by the program.
func (d *Daemon) Dismiss(t testing.TB, id, reason uint32) {
	t.Helper()
	d.Signal(t, "NotificationClosed", id, reason)
}

// Signal sends any signal of a daemon's interface, as a broken one may.
func (d *Daemon) Signal(t testing.TB, signal string, args ...any) {
	t.Helper()
	d.mu.Lock()
	conn := d.conn
	d.mu.Unlock()
	if err := conn.Emit(notifyPath, notifyName+"."+signal, args...); err != nil {
		t.Fatal(err)
	}
}

// notifications is the D-Bus interface of a Daemon.
type notifications struct{ d *Daemon }

func (n notifications) Notify(sender dbus.Sender, app string, replaces uint32, icon, summary, body string,
	actions []string, hints map[string]dbus.Variant, timeout int32) (uint32, *dbus.Error) {
	n.d.gate.wait()
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	id := replaces
	if id == 0 {
		n.d.last++
		id = n.d.last
	}
	n.d.notes = append(n.d.notes, Notification{ID: id, Replaces: replaces, App: app, Icon: icon, Summary: summary, Body: body,
		Actions: actions, Hints: hints, Timeout: timeout, Sender: string(sender), At: time.Now()})
	return id, nil
}

func (n notifications) CloseNotification(id uint32) *dbus.Error {
	n.d.gate.wait()
	n.d.mu.Lock()
	n.d.closed = append(n.d.closed, id)
	conn := n.d.conn
	n.d.mu.Unlock()
	if err := conn.Emit(notifyPath, notifyName+".NotificationClosed", id, uint32(3)); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

func (n notifications) GetCapabilities() ([]string, *dbus.Error) {
	n.d.gate.wait()
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	return slices.Clone(n.d.caps), nil
}

func (n notifications) GetServerInformation() (name, vendor, version, spec string, err *dbus.Error) {
	n.d.gate.wait()
	return "traytest", "mcpproxy-tray", "1", "1.2", nil
}
