package upstream

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
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

// A waitingBody gives the first event of a stream, which says nothing, and then waits for ctx.
type waitingBody struct {
	text io.Reader
	ctx  context.Context
}

func (b *waitingBody) Read(p []byte) (int, error) {
	if n, err := b.text.Read(p); err == nil {
		return n, nil
	}
	<-b.ctx.Done()
	return 0, context.Cause(b.ctx)
}

// TestRemoteCallThatWaitsIsCheap bounds what a call costs on our side of the connection
// until its answer comes: most servers begin a stream at once.
func TestRemoteCallThatWaitsIsCheap(t *testing.T) {
	const calls = maxWaitingRemote
	most := int64(16 << 10)
	if raceEnabled { // the detector keeps a multiple of all memory
		most *= 5
	}
	var asked sync.WaitGroup
	w := remoteWire(t, firstModern, transport(func(r *http.Request) (*http.Response, error) {
		defer asked.Done()
		return respond(200, "text/event-stream", &waitingBody{strings.NewReader(": hello\n\n"), r.Context()})
	}))
	ctx, cancel := context.WithCancel(t.Context())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	asked.Add(calls)
	for range calls {
		wg.Go(func() { _, _ = w.request(ctx, "tools/call", []byte(`{"name":"hang"}`)) }) // it ends with ctx
	}
	asked.Wait()
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
