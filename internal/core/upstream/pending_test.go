package upstream

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"testing"
)

// TestCallThatWaitsIsCheap bounds what a call costs until its answer comes, with the
// goroutine that waits for it.
func TestCallThatWaitsIsCheap(t *testing.T) {
	const calls = 10_000
	most := int64(8 << 10)
	if raceEnabled { // the detector keeps a multiple of all memory
		most *= 5
	}
	s := connect(t, testConnector(), childOf("old"))
	ctx, cancel := context.WithCancel(t.Context())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			_, _, _ = ask(ctx, s, "tools/call", json.RawMessage(`{"name":"hang","arguments":{"text":"some words"}}`)) // it ends with ctx
		})
	}
	waitFor(t, "the calls to wait", func() bool { return waiting(s) == calls && len(s.child.writing) == 0 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap, stack := int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(after.StackInuse)-int64(before.StackInuse)
	t.Logf("a call that waits: %d bytes of heap, %d of stack", heap/calls, stack/calls)
	if each := (heap + stack) / calls; each > most {
		t.Errorf("%d bytes, at most %d expected", each, most)
	}
	cancel()
	wg.Wait()
}
