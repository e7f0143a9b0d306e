package machine

import (
	"context"
	"log/slog"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var queryUnbiasedInterruptTime = windows.NewLazySystemDLL("kernel32.dll").NewProc("QueryUnbiasedInterruptTime")

// asleep returns how long the machine has slept in all since it started: one clock
// goes on in sleep; the other counts "only time that the system is in the working
// state" [QueryUnbiasedInterruptTime]. Setting the wall clock changes neither.
func asleep() time.Duration {
	var awake uint64 // 100 ns
	if ok, _, _ := queryUnbiasedInterruptTime.Call(uintptr(unsafe.Pointer(&awake))); ok == 0 {
		return 0
	}
	return windows.DurationSinceBoot() - time.Duration(awake)*100
}

func watchClock(ctx context.Context, _ *slog.Logger, moved chan<- struct{}) { checkSlowly(ctx, moved) }
