package core

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for _, c := range []struct {
		live, roots uint64
		want        int
	}{
		{0, 0, 400},             // before the first collection
		{3 << 20, 1 << 20, 325}, // 3 MB and 325 % of 4 MB are 16 MB
		{8 << 20, 0, 100},
		{12 << 20, 0, garbage},
		{leisure, 1 << 20, garbage},
		{1 << 40, 0, garbage},
	} {
		if got := percentFor(c.live, c.roots); got != c.want {
			t.Errorf("percentFor(%d, %d) = %d, want %d", c.live, c.roots, got, c.want)
		}
	}
}

// TestPaceGarbage looks at where the runtime means to collect next.
func TestPaceGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	PaceGarbage()
	if got := debug.SetMemoryLimit(-1); got != softLimit {
		t.Errorf("the memory limit is %d, want %d", got, softLimit)
	}
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	within := func(from, to uint64) func() bool {
		return func() bool {
			runtime.GC()
			metrics.Read(goal)
			got := goal[0].Value.Uint64()
			return got >= from && got <= to
		}
	}
	waitFor(t, "a small heap to be left alone until it has 16 MB", within(leisure*8/10, leisure*14/10))
	held := make([]byte, 64<<20)
	waitFor(t, "a large heap to grow by half", within(96<<20, 110<<20))
	runtime.KeepAlive(held)
	held = nil
	waitFor(t, "the heap to be small again", within(leisure*8/10, leisure*14/10))
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
