package machine

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"mcpproxy-tray/internal/tray/traytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeLogind is systemd-logind as far as sleep goes.
type fakeLogind struct {
	conn *dbus.Conn

	mu        sync.Mutex // guards what follows
	preparing bool
	asked     int // how often the property was read, which a watcher does once it listens
}

// startLogind takes logind's name on the bus.
func startLogind(t *testing.T, bus *traytest.PrivateBus, preparing bool) *fakeLogind {
	t.Helper()
	l := &fakeLogind{conn: bus.Connect(t), preparing: preparing}
	if err := l.conn.Export(l, logindPath, "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	if reply, err := l.conn.RequestName(logind, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("take logind's name: %v, %v", reply, err)
	}
	return l
}

// Get answers for the property PreparingForSleep.
func (l *fakeLogind) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if iface != manager || name != "PreparingForSleep" {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
	}
	l.asked++
	return dbus.MakeVariant(l.preparing), nil
}

// listenedTo waits until n watchers have come.
func (l *fakeLogind) listenedTo(t *testing.T, n int) {
	t.Helper()
	traytest.WaitFor(t, "somebody to listen to logind", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.asked >= n
	})
}

// announce emits what logind does before (true) and after (false) a sleep.
func (l *fakeLogind) announce(t *testing.T, start bool) {
	t.Helper()
	l.mu.Lock()
	l.preparing = start
	l.mu.Unlock()
	emit(t, l.conn, start)
}

func emit(t *testing.T, conn *dbus.Conn, args ...any) {
	t.Helper()
	if err := conn.Emit(logindPath, manager+".PrepareForSleep", args...); err != nil {
		t.Fatal(err)
	}
}

// A watch is a running Watch with a record of what it told of sleep.
type watch struct {
	mu    sync.Mutex // guards kinds
	kinds []Kind
}

// startWatch watches the machine, with its logind on bus; it ends with the test.
func startWatch(t *testing.T, bus *traytest.PrivateBus) *watch {
	t.Helper()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
	w := &watch{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := Watch(ctx, Options{}, func(e Event) {
			if e.Kind != Slept && e.Kind != Woke {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.kinds = append(w.kinds, e.Kind)
			if d := time.Since(e.At); d < 0 || d > traytest.Patience || e.Asleep != 0 && e.Kind == Slept {
				t.Errorf("%v at %v, asleep %v", e.Kind, e.At, e.Asleep)
			}
		})
		if err != nil {
			t.Errorf("Watch() = %v", err)
		}
	})
	t.Cleanup(func() {
		start := time.Now()
		cancel()
		wg.Wait()
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Watch took %v to end", d)
		}
	})
	return w
}

func (w *watch) want(t *testing.T, want ...Kind) {
	t.Helper()
	var got []Kind
	defer func() {
		if t.Failed() {
			t.Errorf("told %v, want %v", got, want)
		}
	}()
	traytest.WaitFor(t, "events", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		got = slices.Clone(w.kinds)
		return slices.Equal(got, want)
	})
}

func TestLogindSaysWhenItSleeps(t *testing.T) {
	bus := traytest.Bus(t)
	l := startLogind(t, bus, false)
	w := startWatch(t, bus)
	l.listenedTo(t, 1)
	l.announce(t, true)
	w.want(t, Slept)
	l.announce(t, false)
	w.want(t, Slept, Woke)
	l.announce(t, false)          // nothing new
	emit(t, bus.Connect(t), true) // not from logind
	emit(t, l.conn, "true")
	emit(t, l.conn)
	l.announce(t, true)
	w.want(t, Slept, Woke, Slept)
}

func TestAnotherLogindIsHeard(t *testing.T) {
	bus := traytest.Bus(t)
	first := startLogind(t, bus, false)
	w := startWatch(t, bus)
	first.listenedTo(t, 1)
	if _, err := first.conn.ReleaseName(logind); err != nil {
		t.Fatal(err)
	}
	emit(t, first.conn, true) // it is not logind any more
	second := startLogind(t, bus, false)
	second.announce(t, true)
	second.announce(t, false)
	w.want(t, Slept, Woke)
}

// TestBusComesLate: the machine is watched before there is a bus, and the bus says
// that the machine is about to sleep.
func TestBusComesLate(t *testing.T) {
	bus := traytest.Bus(t)
	bus.Stop()
	w := startWatch(t, bus)
	bus.Start(t)
	l := startLogind(t, bus, true)
	w.want(t, Slept)
	l.announce(t, false)
	w.want(t, Slept, Woke)
}

// TestLostBusEndsTheSleep: who was told that the machine will sleep is told that it
// woke, also if the bus broke in between, and hears of the next sleep.
func TestLostBusEndsTheSleep(t *testing.T) {
	bus := traytest.Bus(t)
	l := startLogind(t, bus, false)
	w := startWatch(t, bus)
	l.listenedTo(t, 1)
	l.announce(t, true)
	w.want(t, Slept)
	bus.Stop()
	w.want(t, Slept, Woke)
	bus.Start(t)
	l = startLogind(t, bus, false)
	l.listenedTo(t, 1)
	l.announce(t, true)
	w.want(t, Slept, Woke, Slept)
}

// TestHangingBusDoesNotKeepWatch: a bus that takes connections and never answers.
func TestHangingBusDoesNotKeepWatch(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	startWatch(t, &traytest.PrivateBus{Address: "unix:path=" + l.Addr().String()})
	conn, err := l.Accept() // Watch is connected and waits; the end of the test ends it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}
