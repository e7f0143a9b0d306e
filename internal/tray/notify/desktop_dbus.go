//go:build !windows && !darwin

package notify

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"os"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	daemonName = "org.freedesktop.Notifications"
	daemonPath = "/org/freedesktop/Notifications"
	maxTags    = 64 // notes that can still be replaced
)

// Urgencies of the freedesktop specification.
const (
	urgencyNormal   = byte(1)
	urgencyCritical = byte(2)
)

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
	owner   string                  // unique name of the daemon that gave the ids
	shown   []shown                 // oldest first
}

type shown struct {
	tag string
	id  uint32
}

// NewDesktop returns a sender for the session bus of the environment, which shows
// icon, a PNG, beside each note; nil leaves it out. It connects when there is
// something to show, again after a loss.
func NewDesktop(icon []byte) *Desktop {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if dir := os.Getenv("XDG_RUNTIME_DIR"); address == "" && dir != "" {
		address = "unix:path=" + dir + "/bus"
	}
	d := newDesktop(address)
	if p, ok := readPicture(icon); ok {
		d.picture = map[string]dbus.Variant{"image-data": dbus.MakeVariant(p)}
	}
	return d
}

func newDesktop(address string) *Desktop { return &Desktop{address: address} }

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

// Close ends the connection; a later Send makes a new one.
func (d *Desktop) Close() error {
	if d.conn == nil {
		return nil
	}
	conn := d.conn
	d.conn, d.owner, d.shown = nil, "", nil
	return conn.Close()
}

func (d *Desktop) send(ctx context.Context, n Note) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	daemon := d.conn.Object(daemonName, daemonPath)
	var capabilities []string
	if err := daemon.CallWithContext(ctx, daemonName+".GetCapabilities", 0).Store(&capabilities); err != nil {
		return err
	}
	if err := d.follow(ctx); err != nil {
		return err
	}
	body := n.Body
	if slices.Contains(capabilities, "body-markup") {
		body = html.EscapeString(body)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant(appName), "urgency": dbus.MakeVariant(urgencyNormal)}
	maps.Copy(hints, d.picture)
	if n.Urgent {
		hints["urgency"] = dbus.MakeVariant(urgencyCritical)
	}
	if n.Category != "" {
		hints["category"] = dbus.MakeVariant(n.Category)
	}
	var id uint32
	call := daemon.CallWithContext(ctx, daemonName+".Notify", 0, appName, d.idOf(n.Tag), appName, n.Title, body, []string{}, hints, int32(-1))
	if err := call.Store(&id); err != nil {
		return err
	}
	d.remember(n.Tag, id)
	return nil
}

// follow forgets the ids of another daemon: to a new one they may be somebody
// else's notifications.
func (d *Desktop) follow(ctx context.Context) error {
	var owner string
	if err := d.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, daemonName).Store(&owner); err != nil {
		return err
	}
	if owner != d.owner {
		d.owner, d.shown = owner, nil
	}
	return nil
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
	conn, err := dbus.Connect(d.address, dbus.WithContext(life))
	if !stop() || err != nil {
		end()
		if err == nil {
			err = errors.Join(context.Cause(ctx), conn.Close())
		}
		return err
	}
	context.AfterFunc(conn.Context(), end)
	d.conn = conn
	return nil
}

func (d *Desktop) idOf(tag string) uint32 {
	if i := slices.IndexFunc(d.shown, func(s shown) bool { return s.tag == tag }); i >= 0 {
		return d.shown[i].id
	}
	return 0
}

func (d *Desktop) remember(tag string, id uint32) {
	d.shown = slices.DeleteFunc(d.shown, func(s shown) bool { return s.tag == tag })
	d.shown = append(d.shown, shown{tag, id})
	if over := len(d.shown) - maxTags; over > 0 {
		d.shown = slices.Delete(d.shown, 0, over)
	}
}
