//go:build unix && !darwin

package sni

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	busName     = "org.freedesktop.DBus"
	busPath     = "/org/freedesktop/DBus"
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

// Sentences of Status, why the icon is not seen.
const (
	noPanel   = "no panel here shows tray icons; the icon appears when one does"
	hungPanel = "the panel does not answer"
)

// follow registers the item with each panel that appears and says what there is,
// until ctx is done or the connection ends. It wakes up for signals only, and for
// another attempt while a panel refuses.
func (i *Item) follow(ctx context.Context, b *bus) {
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)},
		{dbus.WithMatchSender(watcherName), dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostRegistered")},
		{dbus.WithMatchSender(watcherName), dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostUnregistered")},
	} {
		if err := b.conn.AddMatchSignalContext(ctx, match...); err != nil {
			i.log.Warn("cannot follow the panel", "err", err)
		}
	}
	if err := b.call(ctx, busName, busPath, busName+".RequestName", name(), dbus.NameFlagDoNotQueue).Err; err != nil {
		i.log.Warn("take the icon's bus name", "err", err) // panels find it without
	}
	r := &registration{again: time.NewTimer(0)}
	defer r.again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-b.signals:
			switch {
			case !ok:
				return
			case s.Name == busName+".NameOwnerChanged" && s.Sender == busName:
				r.done, r.wait = false, 0
			case lastPart(s.Name) != "StatusNotifierHostRegistered" && lastPart(s.Name) != "StatusNotifierHostUnregistered":
				continue // sent to us alone, by whoever
			}
		case <-r.again.C:
		}
		i.register(ctx, b, r)
	}
}

// A registration is how far it has come with the panel of now.
type registration struct {
	done  bool
	wait  time.Duration // before the next attempt
	again *time.Timer
}

// register registers the item if there is a panel that does not have it, and says
// how things are. A panel may own its name before it can answer, so a refusal is
// followed by another attempt, ever later.
func (i *Item) register(ctx context.Context, b *bus, r *registration) {
	const first, last = 100 * time.Millisecond, 30 * time.Second
	r.again.Stop()
	var owned bool
	if b.call(ctx, busName, busPath, busName+".NameHasOwner", watcherName).Store(&owned) != nil || !owned {
		i.o.Status(true, false, noPanel)
		return
	}
	var host dbus.Variant
	asked := b.call(ctx, watcherName, watcherPath, "org.freedesktop.DBus.Properties.Get", watcherName, "IsStatusNotifierHostRegistered").Store(&host)
	on, _ := host.Value().(bool)
	if asked == nil && !on { // it may register for panels that come
		i.o.Status(true, false, noPanel)
	}
	if !r.done {
		err := b.call(ctx, watcherName, watcherPath, watcherName+".RegisterStatusNotifierItem", string(itemPath)).Err
		if r.done = err == nil; !r.done && ctx.Err() == nil {
			i.log.Debug("register the icon", "err", err)
			r.wait = min(max(first, 2*r.wait), last)
			r.again.Reset(r.wait)
		}
	}
	switch {
	case asked != nil:
		i.o.Status(true, false, hungPanel)
	case on:
		i.o.Status(true, r.done, map[bool]string{false: hungPanel}[r.done])
	}
}
