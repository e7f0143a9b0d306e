//go:build linux

package doctor

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/traytest"
)

// TestDesktop has a real bus, on which panel and notification daemon come and go.
func TestDesktop(t *testing.T) {
	bus := traytest.Bus(t)
	p := patient(t, good)
	p.Environ = append(p.Environ, "DISPLAY=:7", bus.Env())
	daemon := bus.Daemon(t, "body", "actions")
	want(t, p, "desktop: No panel shows tray icons.")
	host := bus.Host(t)
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q on a whole desktop", found)
	}
	daemon.SetCapabilities("body")
	want(t, p, "shows notifications without buttons.")
	daemon.Hang(true)
	want(t, p, "The program that shows notifications does not answer.")
	daemon.Hang(false)
	daemon.Stop()
	want(t, p, "No program shows notifications.")
	daemon.SetCapabilities("actions")
	daemon.Start(t)
	host.Stop()
	want(t, p, "desktop: No panel shows tray icons.")
	bus.Stop()
	want(t, p, "desktop: The session bus does not answer.")
	p.Environ = p.Environ[:len(p.Environ)-2] // no display
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q without a desktop", found)
	}
}

// A watcher collects icons; whether somebody shows them is one of its properties.
type watcher struct{ host bool }

func (w watcher) Get(_, _ string) (dbus.Variant, *dbus.Error) { return dbus.MakeVariant(w.host), nil }

// TestWatcherWithoutHost has a bus where icons are collected and not shown.
func TestWatcherWithoutHost(t *testing.T) {
	bus := traytest.Bus(t)
	p := patient(t, good)
	p.Environ = append(p.Environ, "WAYLAND_DISPLAY=wayland-7", bus.Env())
	bus.Daemon(t, "actions")
	conn := bus.Connect(t)
	export := func(w watcher) {
		if err := conn.Export(w, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName(watcherName, 0); err != nil {
		t.Fatal(err)
	}
	want(t, p, "desktop: The panel that shows tray icons does not answer.")
	export(watcher{host: false})
	want(t, p, "desktop: Tray icons are collected, but no panel shows them.")
	export(watcher{host: true})
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestKeyring is asked for only where the configuration needs one.
func TestKeyring(t *testing.T) {
	bus := traytest.Bus(t)
	p := patient(t, `{"listen": "127.0.0.1:0", "mcpServers": {"a": {"command": "tool", "env": {"K": "${keyring:service/name}"}}}}`)
	found := func(env string) []Finding {
		q := p
		q.Environ = append(p.Environ, env)
		return keyring(t.Context(), newExam(t.Context(), q))
	}
	for what, env := range map[string]string{"no bus": "DBUS_SESSION_BUS_ADDRESS=unix:path=/nosuch", "no address": "X=", "no keyring": bus.Env()} {
		if f := found(env); len(f) != 1 || f[0].Why != `These servers need values from it: "a".` {
			t.Errorf("%s: found %+v", what, f)
		}
	}
	if _, err := bus.Connect(t).RequestName(secretName, 0); err != nil {
		t.Fatal(err)
	}
	if f := found(bus.Env()); len(f) > 0 {
		t.Errorf("found %+v with a keyring", f)
	}
	for _, cfg := range []string{good, `{"mcpServers": {"a": {"command": "tool", "args": ["$${keyring:a/b}"]}}}`} {
		write(t, p.ConfigFile, cfg, 0o600)
		if f := found("X="); len(f) > 0 {
			t.Errorf("found %+v where none is needed: %s", f, cfg)
		}
	}
}

// TestNothingIsStarted has a bus that would start a notification daemon and a keyring.
func TestNothingIsStarted(t *testing.T) {
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	for _, name := range []string{notifyName, secretName} {
		write(t, filepath.Join(dir, "services", name+".service"), "[D-BUS Service]\nName="+name+"\nExec=/usr/bin/touch "+started+"\n", 0o600)
	}
	write(t, filepath.Join(dir, "bus.conf"), `<busconfig><type>session</type><listen>unix:tmpdir=`+dir+`</listen><servicedir>`+dir+`/services</servicedir>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`, 0o600)
	daemon := exec.Command("dbus-daemon", "--config-file="+filepath.Join(dir, "bus.conf"), "--nofork", "--nopidfile", "--print-address=1")
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Wait() }() // it was killed
	defer daemon.Process.Kill()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p := patient(t, `{"listen": "127.0.0.1:0", "mcpServers": {"a": {"command": "tool", "env": {"K": "x"}}}}`)
	p.Environ = append(p.Environ, "DISPLAY=:7", "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(address))
	want(t, p, "No panel shows tray icons.")
	if _, err := os.Stat(started); err == nil {
		t.Error("a program was started")
	}
}
