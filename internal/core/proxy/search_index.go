package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/search"
)

// An indexer keeps an index of the tools that clients may see. It is made by run
// alone, whatever number of changes and queries there are meanwhile, and not before
// a client has come that may search.
type indexer struct {
	catalog func() *catalog
	wanted  chan struct{} // one slot
	built   atomic.Pointer[toolIndex]

	mu    sync.Mutex
	ready chan struct{} // closed when the next index is made; guarded by mu
}

// A toolIndex is an index, and the version of the list that it was made of.
type toolIndex struct {
	version uint64
	*search.Index
}

// Waiting for an index to be made: 10,000 tools take about 100 ms.
const (
	waitForFirst = 5 * time.Second
	waitForNext  = 300 * time.Millisecond // then the one before is used
)

// run makes an index whenever one is wanted, until ctx is done.
func (x *indexer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.wanted:
		}
		c := x.catalog()
		if b := x.built.Load(); b == nil || b.version != c.lists[tools].version {
			x.built.Store(newToolIndex(c))
		}
		x.mu.Lock()
		close(x.ready)
		x.ready = make(chan struct{})
		x.mu.Unlock()
	}
}

// newToolIndex makes an index of the tools of a catalog.
func newToolIndex(c *catalog) *toolIndex {
	var list []search.Tool
	for i, id := range c.index[tools].ids {
		if def, ok := c.offer(id.server).definition(id.tool); ok {
			list = append(list, search.Tool{Name: c.index[tools].names[i], Server: id.server, Own: id.tool, Definition: def})
		}
	}
	return &toolIndex{c.lists[tools].version, search.Build(list)}
}

// want has the next index made.
func (x *indexer) want() {
	select {
	case x.wanted <- struct{}{}:
	default: // run will see what we see
	}
}

// next returns a channel that is closed when the next index is made.
func (x *indexer) next() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ready
}

// refresh has a new index made if the one that there is became old.
func (x *indexer) refresh(c *catalog) {
	if b := x.built.Load(); b != nil && b.version != c.lists[tools].version {
		x.want()
	}
}

// current returns the index of a version if it is made in time, else the newest.
func (x *indexer) current(version uint64) *toolIndex {
	wait := waitForNext
	if x.built.Load() == nil {
		wait = waitForFirst
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		ready := x.next()
		if b := x.built.Load(); b != nil && b.version >= version {
			return b
		}
		x.want()
		select {
		case <-ready:
		case <-late.C:
			return x.built.Load()
		}
	}
}
