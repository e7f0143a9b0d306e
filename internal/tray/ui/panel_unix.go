//go:build unix && !darwin

package ui

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
	busName     = "org.freedesktop.DBus"
	callLimit   = 3 * time.Second // a hung panel or bus answers never
)

// A panel is our own connection to the session bus. systray shares its
// connection with the whole process and gives up registering at the first
// signal it does not know; so nothing of ours touches that one.
type panel struct {
	conn    *dbus.Conn
	signals chan *dbus.Signal
}

// openPanel connects to the session bus, or says why that is not possible.
func openPanel(ctx context.Context) (p *panel, reason string) {
	address := busAddress()
	if address == "" {
		return nil, "there is no session bus (DBUS_SESSION_BUS_ADDRESS is not set)"
	}
	type connected struct {
		conn *dbus.Conn
		err  error
	}
	done := make(chan connected, 1)
	go func() { // dialling a bus that hangs cannot be interrupted; then this waits for ever
		conn, err := dbus.Connect(address)
		done <- connected{conn, err}
	}()
	select {
	case c := <-done:
		if c.err != nil {
			return nil, fmt.Sprintf("the session bus at %s cannot be reached", address)
		}
		return &panel{conn: c.conn, signals: make(chan *dbus.Signal, 16)}, ""
	case <-ctx.Done():
	case <-time.After(callLimit):
	}
	return nil, "the session bus does not answer"
}

// busAddress returns where systray's D-Bus library will look for the session
// bus, but for its last resort, which is to start one.
func busAddress() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return a
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if fi, err := os.Stat(dir + "/bus"); err == nil && fi.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dir + "/bus"
		}
	}
	return ""
}

// follow keeps the status up to date until ctx is done. It closes gone when the
// bus goes away: systray cannot connect again in the same process.
func (p *panel) follow(ctx context.Context, t *Tray, _, gone chan struct{}) {
	defer p.conn.Close()
	p.conn.Signal(p.signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)},
		{dbus.WithMatchSender(watcherName), dbus.WithMatchInterface(watcherName)},
	} {
		if err := p.conn.AddMatchSignalContext(ctx, match...); err != nil {
			t.log.Warn("cannot follow the panel", "err", err)
		}
	}
	t.setStatus(p.status(ctx))
	check := time.After(settleTime)
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-p.signals:
			if !ok {
				if ctx.Err() == nil {
					close(gone)
					t.setStatus(Status{Reason: "the session bus went away; the icon comes back when mcpproxy-tray is started again"})
				}
				return
			}
			if strings.HasSuffix(s.Name, ".StatusNotifierItemRegistered") || strings.HasSuffix(s.Name, ".StatusNotifierItemUnregistered") {
				continue // some program's icon
			}
			t.setStatus(p.status(ctx))
			check = time.After(settleTime)
		case <-check:
			check = nil
			p.ensureRegistered(ctx, t)
			t.setStatus(p.status(ctx))
		}
	}
}

// status asks whether there is a panel.
func (p *panel) status(ctx context.Context) Status {
	none := Status{Available: true, Reason: "no panel here shows tray icons; the icon appears when one does"}
	var owned bool
	if p.call(ctx, busName, "/org/freedesktop/DBus", busName+".NameHasOwner", watcherName).Store(&owned) != nil || !owned {
		return none
	}
	var host dbus.Variant
	err := p.call(ctx, watcherName, watcherPath, "org.freedesktop.DBus.Properties.Get", watcherName, "IsStatusNotifierHostRegistered").Store(&host)
	switch on, _ := host.Value().(bool); {
	case err != nil:
		return Status{Available: true, Reason: "the panel does not answer"}
	case !on:
		return none
	}
	return Status{Available: true, Host: true}
}

// ensureRegistered registers our item if the panel does not have it: systray's
// own attempt may have come to nothing.
func (p *panel) ensureRegistered(ctx context.Context, t *Tray) {
	name := fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", os.Getpid()) // as systray calls itself
	var owner string
	if p.call(ctx, busName, "/org/freedesktop/DBus", busName+".GetNameOwner", name).Store(&owner) != nil {
		return // systray did not get that far
	}
	var items dbus.Variant
	if p.call(ctx, watcherName, watcherPath, "org.freedesktop.DBus.Properties.Get", watcherName, "RegisteredStatusNotifierItems").Store(&items) != nil {
		return // no panel
	}
	keys, _ := items.Value().([]string)
	if slices.ContainsFunc(keys, func(key string) bool {
		return key == owner || key == name || strings.HasPrefix(key, owner+"/") || strings.HasPrefix(key, owner+"@") || strings.HasPrefix(key, name+"/")
	}) {
		return
	}
	t.log.Info("registering the icon again")
	if err := p.call(ctx, watcherName, watcherPath, watcherName+".RegisterStatusNotifierItem", name).Err; err != nil {
		t.log.Warn("register the icon", "err", err)
	}
}

func (p *panel) call(ctx context.Context, dest, path, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return p.conn.Object(dest, dbus.ObjectPath(path)).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}
