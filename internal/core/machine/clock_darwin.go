package machine

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"
)

// asleep returns how long the machine has slept in all since it started:
// CLOCK_UPTIME_RAW "increments monotonically, in the same manner as
// CLOCK_MONOTONIC_RAW, but … does not increment while the system is asleep"
// [clock_gettime(3)]. Setting the wall clock changes neither.
func asleep() time.Duration {
	var all, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_UPTIME_RAW, &awake) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &all) != nil {
		return 0
	}
	return time.Duration(all.Nano() - awake.Nano())
}

func watchClock(ctx context.Context, _ *slog.Logger, moved chan<- struct{}) { checkSlowly(ctx, moved) }
