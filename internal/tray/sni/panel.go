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
	hungBus   = "the session bus does not answer"
)

// follow registers the item with each panel that appears and says what there is,
// until ctx is done or the connection ends or is of no use, which the reason says. It
// wakes up for signals only, and for another attempt while a panel does not answer.
func (i *Item) follow(ctx context.Context, b *bus) (reason string) {
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)},
		{dbus.WithMatchSender(watcherName), dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostRegistered")},
		{dbus.WithMatchSender(watcherName), dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostUnregistered")},
	} {
		if err := b.match(ctx, match); err != nil {
			i.log.Warn("cannot follow the panel", "err", err)
			return hungBus
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
			return ""
		case s, ok := <-b.signals:
			switch {
			case !ok:
				return "the session bus went away; the icon comes back with it"
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
// how things are. A panel may own its name before it can answer, and it or the bus may
// be slow, so what was not answered is followed by another attempt, ever later.
func (i *Item) register(ctx context.Context, b *bus, r *registration) {
	const first, last = 100 * time.Millisecond, 30 * time.Second
	r.again.Stop()
	reason, answered := i.attempt(ctx, b, r)
	if ctx.Err() != nil {
		return
	}
	i.o.Status(true, reason == "", reason)
	if answered {
		r.wait = 0
		return
	}
	r.wait = min(max(first, 2*r.wait), last)
	r.again.Reset(r.wait)
}

// attempt returns why the icon is not seen, empty if it is, and whether all that were
// asked have answered.
func (i *Item) attempt(ctx context.Context, b *bus, r *registration) (reason string, answered bool) {
	var owned bool
	if err := b.call(ctx, busName, busPath, busName+".NameHasOwner", watcherName).Store(&owned); err != nil {
		return hungBus, false
	}
	if !owned {
		return noPanel, true
	}
	var host dbus.Variant
	asked := b.call(ctx, watcherName, watcherPath, "org.freedesktop.DBus.Properties.Get", watcherName, "IsStatusNotifierHostRegistered").Store(&host)
	on, _ := host.Value().(bool)
	if asked == nil && !on && !r.done { // one may come while the item registers
		i.o.Status(true, false, noPanel)
	}
	if !r.done {
		err := b.call(ctx, watcherName, watcherPath, watcherName+".RegisterStatusNotifierItem", string(itemPath)).Err
		if r.done = err == nil; !r.done {
			i.log.Debug("register the icon", "err", err)
		}
	}
	switch {
	case asked != nil:
		return hungPanel, false
	case !on:
		return noPanel, r.done
	case !r.done:
		return hungPanel, false
	}
	return "", true
}
