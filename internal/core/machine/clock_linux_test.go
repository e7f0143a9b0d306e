package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAsleepStandsStill(t *testing.T) {
	first := asleep()
	if first < 0 {
		t.Errorf("asleep() = %v", first)
	}
	if d := asleep() - first; d > time.Second || d < -time.Second {
		t.Errorf("the machine slept %v between two readings", d)
	}
}

// TestAlarmSleepsInTheKernel: the timer is far away, cancelled when the clock is
// set, nothing comes before that, and Close ends the wait at once.
func TestAlarmSleepsInTheKernel(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.wait() }()
	var info []byte
	rc, err := a.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := rc.Control(func(fd uintptr) { info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	// "settime flags: 03": TFD_TIMER_ABSTIME|TFD_TIMER_CANCEL_ON_SET, in octal.
	if text := string(info); !strings.Contains(text, "clockid: 0\n") || !strings.Contains(text, "settime flags: 03\n") || strings.Contains(text, "it_value: (0,") {
		t.Errorf("the timer is\n%s", text)
	}
	select {
	case err := <-ended:
		t.Fatalf("the wait ended by itself: %v", err)
	case <-time.After(300 * time.Millisecond): // nothing comes; that cannot be waited for otherwise
	}
	start := time.Now()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("the wait ended with %v", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("closing took %v", d)
	}
}

func TestWatchClockEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	moved := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { watchClock(ctx, slog.New(slog.DiscardHandler), moved) })
	cancel()
	wg.Wait()
}
