package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// asleep returns how long the machine has slept in all since it started:
// CLOCK_BOOTTIME "is identical to CLOCK_MONOTONIC, except that it also includes
// any time that the system is suspended" [clock_getres(2)]. Setting the wall clock
// changes neither.
func asleep() time.Duration {
	var boot, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - awake.Nano())
}

// watchClock has the clocks compared whenever the kernel set the wall clock, which
// it does at every wake-up. It sleeps in the kernel in between.
func watchClock(ctx context.Context, log *slog.Logger, moved chan<- struct{}) {
	a, err := newAlarm()
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = a.Close() })
		defer stop()
		for err == nil {
			if err = a.wait(); err == nil && !send(ctx, moved, struct{}{}) {
				return
			}
		}
		_ = a.Close()
	}
	if ctx.Err() == nil {
		log.Warn("the clock cannot be watched; looking at it every minute", "err", err)
		checkSlowly(ctx, moved)
	}
}

// An alarm is a timer that will not go off but is cancelled when the wall clock is
// set. Close ends a wait.
type alarm struct{ *os.File }

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	a := &alarm{os.NewFile(uintptr(fd), "timerfd")} // non-blocking: the runtime waits for it without a thread
	if err := a.arm(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// arm sets the timer to a year from now; that it goes off then does no harm.
func (a *alarm) arm() error {
	at, err := unix.TimeToTimespec(time.Now().AddDate(1, 0, 0))
	if err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	rc, err := a.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	// TFD_TIMER_CANCEL_ON_SET: "then treat this timer as cancelable if the real-time
	// clock undergoes a discontinuous change (settimeofday(2), clock_settime(2), or
	// similar)" [timerfd_create(2)]. The kernel counts a resume among the similar:
	// timerfd_resume in fs/timerfd.c.
	err = rc.Control(func(fd uintptr) {
		failed = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &unix.ItimerSpec{Value: at}, nil)
	})
	return errors.Join(err, failed)
}

// wait returns nil once the wall clock was set, or the year is over.
func (a *alarm) wait() error {
	var expirations [8]byte
	if _, err := a.Read(expirations[:]); err != nil && !errors.Is(err, unix.ECANCELED) {
		return err
	}
	return a.arm()
}
