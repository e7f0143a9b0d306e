//go:build !windows && !darwin

package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/sessionbus"
)

const (
	daemonName = "org.freedesktop.Notifications"
	daemonPath = "/org/freedesktop/Notifications"

	busName, ownerChanged = "org.freedesktop.DBus", "NameOwnerChanged"

	maxTags  = 64  // notes that can still be replaced and answered
	maxToken = 256 // bytes of an activation token; they are about 40 long
)

// Urgencies of the freedesktop specification.
const (
	urgencyNormal   = byte(1)
	urgencyCritical = byte(2)
)

// escape makes a text safe where the daemon reads markup. Quotes stay: GNOME Shell 43
// knows no numeric references, and shows them as they are.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// errNoBus says that there is nothing to connect to.
var errNoBus = errors.New("no session bus")

// A Desktop shows notifications through the session bus's notification daemon,
// on a connection of its own: a shared one would bring the tray's library
// signals it stops at. There is no other way on these systems that works where
// this one does not. Use NewDesktop; one goroutine may use it at a time.
type Desktop struct {
	address string
	picture map[string]dbus.Variant // hint with the program's picture; empty without one
	conn    *dbus.Conn              // nil before the first note and after an error
	shown   ledger
	back    chan struct{} // one slot: a daemon has appeared

	// Invoked is told what a person asks for with a note. The connection's reader
	// calls it, so it must not block. Set it before the first Send; nil is told nothing.
	Invoked func(Invoked)
}

// NewDesktop returns a sender for the session bus of the environment, which shows
// icon, a PNG, beside each note; nil leaves it out. It connects when there is
// something to show, again after a loss.
func NewDesktop(icon []byte) *Desktop {
	d := newDesktop(sessionbus.Address())
	if p, ok := readPicture(icon); ok {
		d.picture = map[string]dbus.Variant{"image-data": dbus.MakeVariant(p)}
	}
	return d
}

func newDesktop(address string) *Desktop {
	return &Desktop{address: address, back: make(chan struct{}, 1)}
}

// Returned yields when a notification daemon appears on the bus.
func (d *Desktop) Returned() <-chan struct{} { return d.back }

// Probe asks the notification daemon whether it is there.
func (d *Desktop) Probe(ctx context.Context) error {
	if d.conn != nil && !d.conn.Connected() {
		_ = d.Close()
	}
	if err := d.connect(ctx); err != nil {
		return err
	}
	owner, err := d.daemon(ctx)
	if err != nil {
		return err
	}
	return d.conn.Object(owner, daemonPath).CallWithContext(ctx, daemonName+".GetCapabilities", 0).Err
}

// Send shows a note. A broken connection is made anew once.
func (d *Desktop) Send(ctx context.Context, n Note) error {
	for {
		fresh := d.conn == nil
		err := d.send(ctx, n)
		if err == nil {
			return nil
		}
		broken := d.conn != nil && !d.conn.Connected()
		if broken {
			_ = d.Close()
		}
		if !broken || fresh || ctx.Err() != nil {
			return fmt.Errorf("show notification: %w", err)
		}
	}
}

// Withdraw closes a note if the daemon that showed it is still there.
func (d *Desktop) Withdraw(ctx context.Context, tag string) error {
	if d.conn == nil || d.shown.id(tag) == 0 {
		return nil
	}
	owner, err := d.daemon(ctx)
	if err != nil {
		return err
	}
	d.shown.follow(owner)
	id := d.shown.id(tag)
	if id == 0 {
		return nil
	}
	return d.conn.Object(owner, daemonPath).CallWithContext(ctx, daemonName+".CloseNotification", 0, id).Err
}

// Close ends the connection; a later Send makes a new one.
func (d *Desktop) Close() error {
	if d.conn == nil {
		return nil
	}
	conn := d.conn
	d.conn = nil
	d.shown.follow("")
	return conn.Close()
}

func (d *Desktop) send(ctx context.Context, n Note) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	owner, err := d.daemon(ctx)
	if err != nil {
		return err
	}
	d.shown.follow(owner)
	if n.update && d.shown.id(n.Tag) == 0 {
		return nil
	}
	daemon := d.conn.Object(owner, daemonPath) // another one might take the id for that of another note
	var capabilities []string
	if err := daemon.CallWithContext(ctx, daemonName+".GetCapabilities", 0).Store(&capabilities); err != nil {
		return err
	}
	body := n.Body
	if slices.Contains(capabilities, "body-markup") {
		body = escape.Replace(body)
	}
	actions := []string{}
	if slices.Contains(capabilities, "actions") {
		for _, a := range n.Actions {
			actions = append(actions, keys[a], labels[a])
		}
	}
	var id uint32
	call := daemon.CallWithContext(ctx, daemonName+".Notify", 0, appName, d.shown.id(n.Tag), appName, n.Title, body, actions, d.hints(n), int32(-1))
	if err := call.Store(&id); err != nil {
		return err
	}
	d.shown.add(id, n)
	return nil
}

func (d *Desktop) hints(n Note) map[string]dbus.Variant {
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant(appName), "urgency": dbus.MakeVariant(urgencyNormal)}
	maps.Copy(hints, d.picture)
	if n.Urgent {
		hints["urgency"] = dbus.MakeVariant(urgencyCritical) // "Critical notifications should not automatically expire"
	}
	if n.Transient {
		hints["transient"] = dbus.MakeVariant(true)
	}
	if n.Category != "" {
		hints["category"] = dbus.MakeVariant(n.Category)
	}
	return hints
}

// daemon returns the unique name of the notification daemon, which is started if
// the bus knows how.
func (d *Desktop) daemon(ctx context.Context) (owner string, err error) {
	bus := d.conn.BusObject()
	ask := func() error {
		return bus.CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, daemonName).Store(&owner)
	}
	err = ask()
	if e, ok := errors.AsType[dbus.Error](err); ok && e.Name == "org.freedesktop.DBus.Error.NameHasNoOwner" {
		if err = bus.CallWithContext(ctx, "org.freedesktop.DBus.StartServiceByName", 0, daemonName, uint32(0)).Err; err == nil {
			err = ask()
		}
	}
	return owner, err
}

// connect dials if need be. It gives up when ctx is done.
func (d *Desktop) connect(ctx context.Context) error {
	if d.conn != nil {
		return nil
	}
	if d.address == "" {
		return errNoBus
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // ends with the connection, not with this note
	stop := context.AfterFunc(ctx, end)
	conn, err := dbus.Connect(d.address, dbus.WithContext(life), dbus.WithSignalHandler(answers{&d.shown, d.Invoked, d.back}))
	if !stop() || err != nil {
		end()
		if err == nil {
			err = errors.Join(context.Cause(ctx), conn.Close())
		}
		return err
	}
	context.AfterFunc(conn.Context(), end)
	err = errors.Join(
		conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(daemonName), dbus.WithMatchInterface(daemonName), dbus.WithMatchObjectPath(daemonPath)),
		conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName), dbus.WithMatchMember(ownerChanged), dbus.WithMatchArg(0, daemonName)))
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	d.conn = conn
	return nil
}
