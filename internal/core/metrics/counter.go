package metrics

import (
	"sync/atomic"
	"time"
)

// cacheLine keeps counters of different goroutines from slowing each other down; two
// lines of 64 bytes, because processors fetch them in pairs.
const cacheLine = 128

// A counter only grows. The zero value is at 0.
type counter struct {
	n atomic.Uint64
	_ [cacheLine - 8]byte
}

func (c *counter) add(n uint64) { c.n.Add(n) }
func (c *counter) load() uint64 { return c.n.Load() }

// bounds are the upper ends of a histogram's buckets: from what a publish takes to what
// a call may, about three to a power of ten.
var bounds = [...]time.Duration{
	time.Microsecond, 5 * time.Microsecond, 20 * time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute,
}

// A histogram counts durations by size. The zero value is empty.
type histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // the last one is of all that is longer
	sum    atomic.Int64                   // nanoseconds
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}
