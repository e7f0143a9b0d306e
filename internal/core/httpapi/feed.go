package httpapi

import (
	"context"
	"net/netip"
	"time"

	"mcpproxy-tray/internal/stateview"
)

const (
	crowd     = 128                    // streams from which on it matters who is served first
	forgiving = 100 * time.Millisecond // for a reader to read what it was sent
	framing   = 16                     // bytes that HTTP adds to what is sent, at most
)

// A feed sends what changes to one reader. A reader that does not read is no burden
// once its socket is full and the feed waits in a write. Until then, which may be a
// thousand changes later, it costs as much as one that does: in a crowd such feeds are
// served in the lane.
type feed struct {
	s    *Server
	out  eventWriter
	snap *stateview.Snapshot // what the reader knows; others look at it while the feed waits in the lane
	beat *time.Timer
	turn chan struct{} // one slot: it is served next in the lane

	client, server netip.AddrPort
	looked         time.Time // when it was looked at what the reader has read
	since          uint32    // bytes that it was sent since
	lags           bool      // it has not read what it was sent before
}

// begin sends the first events. One more in a crowd must prove that it reads.
func (f *feed) begin(first [][]byte) error {
	err := f.send(first...)
	f.looked, f.since = time.Now(), 0
	if f.s.streams.Load() > crowd {
		if _, _, f.lags = queued(f.client, f.server); f.lags { // else it cannot be told
			f.beat.Reset(forgiving)
		}
	}
	return err
}

// next waits for a change, or for the time of a heartbeat, and sends it. Its error
// is that of ctx or of the connection.
func (f *feed) next(ctx context.Context) error {
	if f.lags {
		return f.inLane(ctx)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.beat.C:
		return f.send(comment)
	case <-f.snap.Changed():
	}
	err := f.change()
	f.lags = f.unread() // not before it is sent: looking takes time
	return err
}

// inLane is next for a reader that does not read.
func (f *feed) inLane(ctx context.Context) error {
	f.s.lane.enter(f)
	select {
	case <-ctx.Done():
		f.s.lane.leave(f)
		return ctx.Err()
	case <-f.beat.C:
		f.s.lane.leave(f)
		f.lags = f.unread()
		return f.send(comment)
	case <-f.turn:
	}
	if f.lags = f.unread(); f.full() {
		f.s.lane.pass() // the others are not to wait for this one
		return f.change()
	}
	defer f.s.lane.pass()
	return f.change()
}

// change sends the way from what the reader knows to the newest snapshot.
func (f *feed) change() error {
	old := f.snap
	f.snap = f.s.opt.View.Snapshot()
	return f.send(f.s.deltas.between(old, f.snap))
}

// send writes whole events, and all of them.
func (f *feed) send(events ...[]byte) error {
	for _, e := range events {
		f.since += uint32(len(e)) + framing
	}
	f.beat.Reset(heartbeat)
	return f.out.send(events...)
}

// unread reports whether the reader has not read what it was sent some time ago.
func (f *feed) unread() bool {
	if f.s.streams.Load() <= crowd || !f.lags && time.Since(f.looked) < forgiving {
		return false
	}
	n, _, ok := queued(f.client, f.server)
	if ok && (n > f.since || f.lags && n > 0) {
		return true
	}
	f.looked, f.since = time.Now(), 0
	return false
}

// full reports whether the reader's socket may take nothing more.
func (f *feed) full() bool {
	_, n, ok := queued(f.server, f.client)
	return !ok || n > 0
}
