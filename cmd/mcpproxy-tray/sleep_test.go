//go:build linux

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/traytest"
)

const (
	logindName = "org.freedesktop.login1"
	logindPath = dbus.ObjectPath("/org/freedesktop/login1")
)

// A logind announces sleep on a system bus as systemd-logind does.
type logind struct {
	t     *testing.T
	conn  *dbus.Conn
	asked atomic.Int32 // reads of its property, which a program does once it listens
}

func startLogind(t *testing.T, bus *traytest.PrivateBus) *logind {
	t.Helper()
	l := &logind{t: t, conn: bus.Connect(t)}
	if err := l.conn.Export(l, logindPath, "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	if reply, err := l.conn.RequestName(logindName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("take logind's name: %v, %v", reply, err)
	}
	return l
}

// Get answers for the property PreparingForSleep.
func (l *logind) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	l.asked.Add(1)
	return dbus.MakeVariant(false), nil
}

// announce says that the machine is about to sleep (true) or awake again (false).
func (l *logind) announce(start bool) {
	l.t.Helper()
	if err := l.conn.Emit(logindPath, logindName+".Manager.PrepareForSleep", start); err != nil {
		l.t.Fatal(err)
	}
}

// sleep simulates a sleep: the app stands still for a while, at whose end the machine
// is told to have woken. f is what happens meanwhile.
func (p *program) sleep(l *logind, f func()) (woke time.Time) {
	p.t.Helper()
	told := strings.Count(p.output.String(), "event=slept")
	l.announce(true)
	p.wait("the sleep to be noticed", func() bool { return strings.Count(p.output.String(), "event=slept") > told })
	if err := syscall.Kill(p.app, syscall.SIGSTOP); err != nil {
		p.t.Fatal(err)
	}
	f()
	<-time.After(2 * time.Second) // the sleep itself
	woke = time.Now()
	if err := syscall.Kill(p.app, syscall.SIGCONT); err != nil {
		p.t.Fatal(err)
	}
	l.announce(false)
	return woke
}

var toState = regexp.MustCompile(`msg=state .*server=(\S+) from=\S+ state=(\S+)`)

// failures returns the transitions of servers to a state of trouble, in what the
// program logged after the first n bytes.
func (p *program) failures(servers []string, n int) (found []string) {
	for _, m := range toState.FindAllStringSubmatch(p.output.String()[n:], -1) {
		if slices.Contains(servers, m[1]) && m[2] != "connecting" && m[2] != "connected" {
			found = append(found, m[1]+" "+m[2])
		}
	}
	return found
}

// TestWakeUp puts the machine to sleep twice: once the connections are all there
// afterwards, once they were cut meanwhile. All servers are well within 10 s; started
// ones are not touched. The user is told once, and only of the one that did not survive.
func TestWakeUp(t *testing.T) {
	t.Parallel() // it mostly waits
	if !inOwnNetwork(t) {
		return
	}
	far, near, dying := startFarHost(t), startHost(t, "127.0.0.1"), startHost(t, "127.0.0.1")
	remotes, remoteText := entries("remote", 5, fmt.Sprintf(`{"url": %q}`, far.url))
	demos, demoText := entries("demo", 5, demoEntry)
	locals := append(demos, "near")
	sessionBus, systemBus := traytest.Bus(t), traytest.Bus(t)
	daemon, l := sessionBus.Daemon(t, "body"), startLogind(t, systemBus)
	home := t.TempDir()
	const quiet = 8 * time.Second
	writeConfig(t, home, fmt.Sprintf(`%s, %s, "near": {"url": %q}, "dying": {"url": %q}`, remoteText, demoText, near.url, dying.url), fmt.Sprintf(
		`"quarantine": false, "notifications": {"down_after": "0s", "min_up": "0s", "group": "0s", "startup_quiet": %q},`, quiet))
	p := run(t, home, []string{sessionBus.Env(), "DBUS_SYSTEM_BUS_ADDRESS=" + systemBus.Address}, "--log-level=debug")
	p.wait("the program to listen to logind", func() bool { return l.asked.Load() > 0 })
	local := p.waitAll("all servers to be connected", locals, isConnected)
	p.waitState("dying", "connected")

	var last time.Time
	for _, c := range []struct {
		name string
		cut  bool
	}{{"connections still there", false}, {"connections cut", true}} {
		before, conns, logged := p.waitAll("all servers to be connected", remotes, isConnected), far.connections(), len(p.output.String())
		woke := p.sleep(l, func() {
			if c.cut {
				far.cut()
				_ = dying.http.Close()
			}
		})
		healed := func(s serverDoc) bool {
			i := slices.IndexFunc(before, func(b serverDoc) bool { return b.Name == s.Name })
			return isConnected(s) && s.Since.After(before[i].Since)
		}
		p.waitAll("new sessions to the remote servers", remotes, healed)
		took := time.Since(woke)
		report(t, "wake-up, "+c.name+": all servers healthy", "≤ 10 s", ms(took))
		if took > 10*time.Second {
			t.Errorf("%s: all healthy after %v", c.name, took)
		}
		failed := p.failures(slices.Concat(remotes, locals), logged)
		report(t, "wake-up, "+c.name+": false failures", "0", fmt.Sprint(len(failed)))
		if len(failed) > 0 {
			t.Errorf("%s: false failures: %q", c.name, failed)
		}
		if n := far.connections() - conns; n < len(remotes) {
			t.Errorf("%s: %d new connections to %d servers", c.name, n, len(remotes))
		}
		for i, s := range p.waitAll("servers on this machine", locals, isConnected) {
			if s.PID != local[i].PID || !s.Since.Equal(local[i].Since) {
				t.Errorf("%s: %s was restarted: %+v, before %+v", c.name, s.Name, s, local[i])
			}
		}
		last = woke
	}
	// What is wrong is told at the end of the silence, not when it is found.
	p.waitState("dying", "backoff")
	p.wait("the silence to end", func() bool { return time.Since(last) > quiet+500*time.Millisecond })
	daemon.Wait(t, 1)
	if got, want := summaries(daemon.Notes()), []string{"dying is not connected"}; !slices.Equal(got, want) {
		t.Errorf("the user was told %q, want %q", got, want)
	}
}
