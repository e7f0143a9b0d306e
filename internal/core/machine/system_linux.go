package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	logind     = "org.freedesktop.login1"
	logindPath = dbus.ObjectPath("/org/freedesktop/login1")
	manager    = logind + ".Manager"

	busLimit = 20 * time.Second // for a connection to be made, and for each answer
)

// errGone says that a connection or a socket ended by itself.
var errGone = errors.New("the connection ended")

// watchSystem passes on logind's announcements of sleep. Without a system bus or
// logind it looks for them again, ever more seldom.
func watchSystem(ctx context.Context, log *slog.Logger, preparing chan<- bool) {
	retry(ctx, log, "logind", func() error {
		err := followLogind(ctx, preparing)
		if errors.Is(err, errGone) {
			send(ctx, preparing, false) // who cannot say any more that we woke, said that we will sleep
		}
		return err
	})
}

// followLogind passes on announcements until the connection ends. The connection
// is private: the shared one belongs to the tray's library.
func followLogind(ctx context.Context, preparing chan<- bool) error {
	life, end := context.WithCancel(ctx)
	defer end()
	limit := time.AfterFunc(busLimit, end)
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(life))
	if err != nil {
		return err
	}
	defer conn.Close()
	if !limit.Stop() {
		return context.DeadlineExceeded
	}
	signals := make(chan *dbus.Signal, 8)
	conn.Signal(signals) // closed with the connection
	if err := subscribe(life, conn); err != nil {
		return err
	}
	// What was announced before, or since the last connection. Not started if it
	// does not run: then nothing is announced.
	var now dbus.Variant
	if err := ask(life, conn.Object(logind, logindPath), "org.freedesktop.DBus.Properties.Get", manager, "PreparingForSleep").Store(&now); err == nil {
		if p, ok := now.Value().(bool); ok && !send(ctx, preparing, p) {
			return nil
		}
	}
	for s := range signals {
		p, ok := announced(life, conn, s)
		if ok && !send(ctx, preparing, p) {
			return nil
		}
	}
	return errGone
}

func subscribe(ctx context.Context, conn *dbus.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, busLimit)
	defer cancel()
	err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(logind), dbus.WithMatchObjectPath(logindPath),
		dbus.WithMatchInterface(manager), dbus.WithMatchMember("PrepareForSleep"))
	if err != nil {
		return fmt.Errorf("ask for logind's signal: %w", err)
	}
	return nil
}

// announced reads "PrepareForSleep(b start)" [org.freedesktop.login1(5)]: true
// before the sleep, false after it. Another program may send us the same signal,
// so the sender is compared with logind's owner.
func announced(ctx context.Context, conn *dbus.Conn, s *dbus.Signal) (start, ok bool) {
	if s.Name != manager+".PrepareForSleep" || s.Path != logindPath || len(s.Body) != 1 {
		return false, false
	}
	var owner string
	if err := ask(ctx, conn.BusObject(), "org.freedesktop.DBus.GetNameOwner", logind).Store(&owner); err != nil || owner != s.Sender {
		return false, false
	}
	start, ok = s.Body[0].(bool)
	return start, ok
}

func ask(ctx context.Context, o dbus.BusObject, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, busLimit)
	defer cancel()
	return o.CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}
