//go:build unix && !darwin

package sni

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"
	"github.com/godbus/dbus/v5/prop"

	"mcpproxy-tray/internal/tray/sessionbus"
)

const (
	itemIface = "org.kde.StatusNotifierItem"
	menuIface = "com.canonical.dbusmenu"
	itemPath  = dbus.ObjectPath("/StatusNotifierItem")
	menuPath  = dbus.ObjectPath("/StatusNotifierItem/menu")

	callLimit = 3 * time.Second // a hung bus answers never
)

// A bus is one connection to the session bus, ours alone, with the item on it.
type bus struct {
	conn    *dbus.Conn
	props   *prop.Properties
	signals chan *dbus.Signal // closed when the connection ends
}

// connect connects and exports the item, or says why that is not possible.
func (i *Item) connect(ctx context.Context) (b *bus, reason string) {
	address := sessionbus.Address()
	if address == "" {
		return nil, "there is no session bus (DBUS_SESSION_BUS_ADDRESS is not set)"
	}
	life, end := context.WithCancel(ctx) // of the connection
	limit := time.AfterFunc(callLimit, end)
	conn, err := dbus.Connect(address, dbus.WithContext(life))
	inTime := limit.Stop()
	switch {
	case err != nil && inTime:
		end()
		return nil, fmt.Sprintf("the session bus at %s cannot be reached", address)
	case err != nil:
		return nil, "the session bus does not answer"
	}
	context.AfterFunc(conn.Context(), end) // life may have ended just now: then the next use of it fails
	if b, err = i.export(conn); err != nil {
		_ = conn.Close()
		return nil, "the session bus does not answer"
	}
	return b, ""
}

// reconnect connects once the bus is back. It tries ever more rarely: mostly a bus
// that went away ends with its session, and the program with it. It returns nil when ctx is done.
func (i *Item) reconnect(ctx context.Context) *bus {
	const first, last = 250 * time.Millisecond, 30 * time.Second
	for wait := first; ; wait = min(2*wait, last) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if b, reason := i.connect(ctx); reason == "" {
			return b
		}
	}
}

// export puts the item on a connection. Its properties are announced by signals of
// the item's own interface, so there are none of the general one.
func (i *Item) export(conn *dbus.Conn) (*bus, error) {
	i.mu.Lock()
	icon, tooltip := i.icon, i.tooltip
	i.mu.Unlock()
	fixed := func(v any) *prop.Prop { return &prop.Prop{Value: v, Emit: prop.EmitFalse} }
	props, err := prop.Export(conn, itemPath, prop.Map{itemIface: {
		"Category": fixed("ApplicationStatus"), "Id": fixed(i.o.ID), "Title": fixed(i.o.ID), "Status": fixed("Active"),
		"WindowId": fixed(int32(0)), "IconName": fixed(""), "IconThemePath": fixed(""), "IconPixmap": fixed(i.picture(icon)),
		"ToolTip": fixed(toolTip{Title: tooltip}), "ItemIsMenu": fixed(true), "Menu": fixed(menuPath),
	}})
	if err != nil {
		return nil, err
	}
	menuProps, err := prop.Export(conn, menuPath, prop.Map{menuIface: {
		"Version": fixed(uint32(3)), "TextDirection": fixed("ltr"), "Status": fixed("normal"), "IconThemePath": fixed([]string{}),
	}})
	if err != nil {
		return nil, err
	}
	for _, o := range []struct {
		path    dbus.ObjectPath
		iface   string
		methods any
		props   *prop.Properties
		signals []introspect.Signal
	}{
		{itemPath, itemIface, notifier{}, props, []introspect.Signal{{Name: "NewIcon"}, {Name: "NewToolTip"}}},
		{menuPath, menuIface, dbusMenu{i}, menuProps, []introspect.Signal{
			{Name: "ItemsPropertiesUpdated", Args: []introspect.Arg{{Name: "updatedProps", Type: "a(ia{sv})"}, {Name: "removedProps", Type: "a(ias)"}}},
			{Name: "LayoutUpdated", Args: []introspect.Arg{{Name: "revision", Type: "u"}, {Name: "parent", Type: "i"}}},
		}},
	} {
		node := introspect.Node{Name: string(o.path), Interfaces: []introspect.Interface{introspect.IntrospectData, prop.IntrospectData,
			{Name: o.iface, Methods: introspect.Methods(o.methods), Properties: o.props.Introspection(o.iface), Signals: o.signals}}}
		if err := conn.Export(o.methods, o.path, o.iface); err != nil {
			return nil, err
		}
		if err := conn.Export(introspect.NewIntrospectable(&node), o.path, "org.freedesktop.DBus.Introspectable"); err != nil {
			return nil, err
		}
	}
	b := &bus{conn: conn, props: props, signals: make(chan *dbus.Signal, 16)}
	conn.Signal(b.signals)
	return b, nil
}

func (b *bus) close() { _ = b.conn.Close() } // it fails only when it is closed already

// emit sends a signal. It fails only when the connection is gone, which Run sees.
func (b *bus) emit(path dbus.ObjectPath, name string, values ...any) {
	_ = b.conn.Emit(path, name, values...)
}

// set changes a property of the item.
func (b *bus) set(name string, value any) { b.props.SetMust(itemIface, name, value) }

func (b *bus) call(ctx context.Context, dest, path, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return b.conn.Object(dest, dbus.ObjectPath(path)).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

func (b *bus) match(ctx context.Context, options []dbus.MatchOption) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return b.conn.AddMatchSignalContext(ctx, options...)
}

// name returns the well-known name of the item. [StatusNotifierItem, Registration]
func name() string { return fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", os.Getpid()) }

func lastPart(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
