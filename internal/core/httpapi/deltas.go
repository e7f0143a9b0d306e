package httpapi

import (
	"strconv"
	"sync"

	"mcpproxy-tray/internal/stateview"
)

// A changeJSON is one server's event: what it is now, or that it was removed.
type changeJSON struct {
	Version uint64      `json:"version"`
	Skipped uint64      `json:"skipped,omitempty"` // versions before this one that were left out; on the first event of several
	Server  *serverJSON `json:"server,omitempty"`
	Removed *string     `json:"removed,omitempty"`
}

func newChange(seq uint64, c *stateview.Change) changeJSON {
	if c.Removed {
		return changeJSON{Version: seq, Removed: &c.Name}
	}
	srv := newServer(&c.After)
	return changeJSON{Version: seq, Server: &srv}
}

// A delta is what changed between two versions, as the events of a stream. It
// does not keep the snapshots, which may be large.
type delta struct {
	from, to uint64
	encode   sync.Once
	events   []byte // nobody changes it
}

// deltas share the encoding of a change among all streams: most readers go from
// one version to the next together. The zero value is ready to use.
type deltas struct {
	mu     sync.Mutex // guards recent and oldest
	recent [2]*delta  // of readers that keep up, and of one that skipped
	oldest int        // in recent
}

// between returns the events that lead from one snapshot to a newer one. A
// reader that skipped is a case of its own, and holds nobody else up.
func (d *deltas) between(from, to *stateview.Snapshot) []byte {
	e := d.entry(from.Seq(), to.Seq())
	e.encode.Do(func() { e.events = encodeDelta(from, to) })
	return e.events
}

func (d *deltas) entry(from, to uint64) *delta {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.recent {
		if e != nil && e.from == from && e.to == to {
			return e
		}
	}
	e := &delta{from: from, to: to}
	d.recent[d.oldest] = e
	d.oldest = (d.oldest + 1) % len(d.recent)
	return e
}

// encodeDelta returns one event for each server that changed. The version that
// they lead to is the id of the last one only, so that who breaks off between
// two of them does not come back as if it had read all.
func encodeDelta(from, to *stateview.Snapshot) []byte {
	id := strconv.FormatUint(to.Seq(), 10)
	changes := stateview.Diff(from, to)
	if len(changes) == 0 { // what came has gone again
		return append(appendID(nil, id), '\n')
	}
	var events []byte
	for i := range changes {
		doc := newChange(to.Seq(), &changes[i])
		if i == 0 {
			doc.Skipped = to.Seq() - from.Seq() - 1
		}
		last := ""
		if i == len(changes)-1 {
			last = id
		}
		events = appendEvent(events, "change", last, marshal(doc))
	}
	return events
}
