package doctor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// askTime is how long a program on the session bus may take to answer.
const askTime = time.Second

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	notifyName  = "org.freedesktop.Notifications"
	secretName  = "org.freedesktop.secrets"
)

// session connects to the session bus of the patient; it starts none.
func (x *exam) session(ctx context.Context) (*dbus.Conn, error) {
	address, _ := x.variable("DBUS_SESSION_BUS_ADDRESS")
	if dir, _ := x.variable("XDG_RUNTIME_DIR"); address == "" && dir != "" {
		address = "unix:path=" + dir + "/bus"
	}
	return dbus.Connect(address, dbus.WithContext(ctx))
}

// desktop finds what keeps the icon and the notifications from being seen.
func desktop(ctx context.Context, x *exam) []Finding {
	display, _ := x.variable("DISPLAY")
	wayland, _ := x.variable("WAYLAND_DISPLAY")
	if runtime.GOOS != "linux" || display+wayland == "" {
		return nil // no desktop, so nothing is missing
	}
	bus, err := x.session(ctx)
	if err != nil {
		return []Finding{{Text: "The session bus does not answer.", Why: "There is no icon and no notification without it.",
			Hint: "Log in again, or start the program with dbus-run-session."}}
	}
	defer bus.Close()
	return append(panel(ctx, bus), notifications(ctx, bus)...)
}

// panel finds a desktop that shows no tray icons. A watcher alone shows none: a host must.
func panel(ctx context.Context, bus *dbus.Conn) []Finding {
	f := Finding{Text: "No panel shows tray icons.", Why: "Servers are supervised, but you do not see their state.",
		Hint: "On GNOME install the AppIndicator extension; elsewhere add a tray (status notifier) to the panel."}
	if !owned(ctx, bus, watcherName) {
		return []Finding{f}
	}
	var host dbus.Variant
	if err := ask(ctx, bus, watcherName, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties.Get", watcherName, "IsStatusNotifierHostRegistered").Store(&host); err != nil {
		f.Text, f.Hint = "The panel that shows tray icons does not answer.", "Start the panel again, or log in again."
		return []Finding{f}
	}
	if on, _ := host.Value().(bool); !on {
		f.Text = "Tray icons are collected, but no panel shows them."
		return []Finding{f}
	}
	return nil
}

// notifications finds a desktop that shows none, or none with buttons.
func notifications(ctx context.Context, bus *dbus.Conn) []Finding {
	f := Finding{Text: "No program shows notifications.", Why: "You are not told when a server is lost or needs you.",
		Hint: "Install and start a notification daemon, such as dunst or mako."}
	if !owned(ctx, bus, notifyName) {
		if startable(ctx, bus, notifyName) {
			return nil // the first notification starts it
		}
		return []Finding{f}
	}
	var capabilities []string
	if err := ask(ctx, bus, notifyName, "/org/freedesktop/Notifications", notifyName+".GetCapabilities").Store(&capabilities); err != nil {
		f.Text, f.Hint = "The program that shows notifications does not answer.", "Start it again, or log in again."
		return []Finding{f}
	}
	if slices.Contains(capabilities, "actions") {
		return nil
	}
	name := "The notification daemon"
	var vendor, version, spec string
	if ask(ctx, bus, notifyName, "/org/freedesktop/Notifications", notifyName+".GetServerInformation").Store(&name, &vendor, &version, &spec) != nil {
		name = "The notification daemon"
	}
	return []Finding{{Text: name + " shows notifications without buttons.", Why: "What they offer is in the tray's menu only.",
		Hint: "Nothing need be done.", Minor: true}}
}

// keyring finds that values of the configuration are in a keyring nobody serves.
func keyring(ctx context.Context, x *exam) []Finding {
	if runtime.GOOS != "linux" {
		return nil // the system has one
	}
	var who []string
	for _, s := range x.servers() {
		values := append([]string{s.Command, s.Cwd, s.URL}, s.Args...)
		for _, table := range []map[string]string{s.Env, s.Headers} {
			for _, v := range table {
				values = append(values, v)
			}
		}
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(strings.ReplaceAll(v, "$${", ""), "${keyring:") }) {
			who = append(who, fmt.Sprintf("%q", s.Name))
		}
	}
	if len(who) == 0 {
		return nil
	}
	bus, err := x.session(ctx)
	if err == nil {
		defer bus.Close()
		if owned(ctx, bus, secretName) || startable(ctx, bus, secretName) {
			return nil
		}
	}
	return []Finding{{Text: "No keyring can be reached.", Why: "These servers need values from it: " + strings.Join(who, ", ") + ".",
		Hint: "Install and unlock a keyring (Secret Service), such as gnome-keyring or KeePassXC."}}
}

// ask calls a method of a program on the bus and waits a moment for its answer. It
// starts none: a doctor changes nothing.
func ask(ctx context.Context, bus *dbus.Conn, name string, at dbus.ObjectPath, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return bus.Object(name, at).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// owned reports whether a program has a name on the bus.
func owned(ctx context.Context, bus *dbus.Conn, name string) bool {
	var has bool
	err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&has)
	return has || err != nil // unknown is not missing
}

// startable reports whether the bus starts a program with that name when it is needed.
func startable(ctx context.Context, bus *dbus.Conn, name string) bool {
	var names []string
	err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&names)
	return err != nil || slices.Contains(names, name)
}
