package core

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The program runs for months beside others and is idle most of the time, so memory
// counts more than the time to collect it, but for a small heap: one of 4 MB, as with a
// few servers, would be collected 20 times a second under many calls, which costs a
// quarter of all the time that the calls take. docs/decisions/0008-collecting-garbage.md
// has the figures.
const (
	// garbage is how much of a large heap may be garbage, in percent of what is in use.
	// With Go's default of 100, two servers that write endless lines cost 50 to 60 MB,
	// with 50 they cost 40 to 43.
	garbage = 50
	// leisure is the size in bytes that a heap has before it is collected at all.
	leisure = 16 << 20
	// softLimit is the memory in bytes above which is collected more often still:
	// 10,000 calls at once keep their stacks and buffers for as long as they wait.
	softLimit = 200 << 20
)

// PaceGarbage makes the garbage collector of this process wait for a heap worth
// collecting. The environment's GOGC and GOMEMLIMIT keep their meaning. Call it once, at
// the start.
func PaceGarbage() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit)
	}
	if os.Getenv("GOGC") != "" {
		return
	}
	p := &pacer{samples: []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}}
	p.pace()
	afterCollections(p.pace)
}

// afterCollections has f called after each garbage collection from now on, by the
// runtime's own goroutine.
func afterCollections(f func()) {
	type lost struct{ _ *byte } // a pointer keeps it out of the shared blocks of tiny objects
	var again func(*lost)
	again = func(l *lost) {
		f()
		runtime.SetFinalizer(l, again)
	}
	runtime.SetFinalizer(&lost{}, again)
}

// A pacer sets the percentage after each collection. It is used by one goroutine at a time.
type pacer struct {
	samples []metrics.Sample // live heap, stacks, globals
	percent int              // as set last; 0 before
}

func (p *pacer) pace() {
	metrics.Read(p.samples)
	want := percentFor(p.samples[0].Value.Uint64(), p.samples[1].Value.Uint64()+p.samples[2].Value.Uint64())
	if d := want - p.percent; d*10 < p.percent && -d*10 < p.percent {
		return // setting it stops the world
	}
	p.percent = want
	debug.SetGCPercent(want)
}

// percentFor returns the percentage by which a heap with live bytes in use grows to
// leisure, and at least garbage. The runtime applies it to what it scans beside the heap
// too, which is roots, and to the 4 MB that it takes every heap to have at least
// (runtime/mgcpacer.go, heapMinimum): more than 400 would be more than leisure.
func percentFor(live, roots uint64) int {
	const most = leisure * 100 / (4 << 20)
	if live >= leisure {
		return garbage
	}
	return int(min(most, max(garbage, (leisure-live)*100/max(live+roots, 1))))
}
