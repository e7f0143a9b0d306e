package upstream

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestFloodIsReadAtItsRate reads as much as it may for a minute.
func TestFloodIsReadAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flood
		if d := f.take(floodBurst); d != 0 {
			t.Errorf("much at once waits %s", d)
		}
		read := 0
		for start := time.Now(); time.Since(start) < time.Minute; {
			read += 4 << 10
			d := f.take(4 << 10)
			if d > floodPause {
				t.Fatalf("a pause of %s", d)
			}
			time.Sleep(d)
		}
		if rate := read / 60; rate < floodRate*9/10 || rate > floodRate*11/10 {
			t.Errorf("%d bytes a second, want %d", rate, floodRate)
		}
		f.take(1 << 30) // one line, which was read already
		time.Sleep((floodBurst + floodRate) / floodRate * time.Second)
		if d := f.take(floodBurst); d != 0 {
			t.Errorf("after a huge line and a rest much at once waits %s", d)
		}
	})
}

// TestLastWordsOfAFlood: a server that floods and ends is not waited for, and what it
// answered before is there.
func TestLastWordsOfAFlood(t *testing.T) {
	w := newWire(t.Context(), slog.New(slog.DiscardHandler), time.Second)
	defer w.end(errClosed)
	gone := make(chan struct{})
	close(gone)
	w.gone = gone
	start := time.Now()
	for range 100 {
		w.hold(&w.flood, floodBurst)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("waited %s for a process that has ended", d)
	}
}
