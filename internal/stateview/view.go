package stateview

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A View publishes snapshots of all servers. Use New to make one.
type View struct {
	cur atomic.Pointer[ServerStatusSnapshot]
	mu  sync.Mutex // serialises writers; guards nothing that readers touch
}

// A ServerStatusSnapshot is an immutable view of all servers at one moment.
type ServerStatusSnapshot struct {
	seq     uint64
	servers []*ServerStatus // in name order
	changed chan struct{}   // closed once a newer snapshot is current
}

// Snapshot is the short name of ServerStatusSnapshot.
type Snapshot = ServerStatusSnapshot

// New returns a view of no servers.
func New() *View {
	v := &View{}
	v.cur.Store(&ServerStatusSnapshot{changed: make(chan struct{})})
	return v
}

// Snapshot returns the current snapshot. It never blocks.
func (v *View) Snapshot() *ServerStatusSnapshot { return v.cur.Load() }

// GetServer returns the current status of a server; ok is false if there is none of that name.
func (v *View) GetServer(name string) (st ServerStatus, ok bool) { return v.cur.Load().GetServer(name) }

// GetAll returns the current status of all servers, in name order. The caller owns the slice.
func (v *View) GetAll() []ServerStatus { return v.cur.Load().GetAll() }

// Count returns how many servers there are.
func (v *View) Count() int { return v.cur.Load().Count() }

// CountByState returns how many servers are in a state.
func (v *View) CountByState(s State) int { return v.cur.Load().CountByState(s) }

// CountConnected returns how many servers are connected.
func (v *View) CountConnected() int { return v.cur.Load().CountByState(Connected) }

// UpdateServer publishes what fn makes of a server's status; a server of a new
// name is added. fn must not keep the pointer. A change of nothing publishes nothing.
func (v *View) UpdateServer(name string, fn func(*ServerStatus)) {
	v.Update(func(b *Batch) { b.UpdateServer(name, fn) })
}

// RemoveServer publishes a snapshot without that server, if there was one.
func (v *View) RemoveServer(name string) {
	v.Update(func(b *Batch) { b.RemoveServer(name) })
}

// A Batch collects changes that are published as one snapshot. It is valid
// only during the call of View.Update that made it.
type Batch struct {
	servers []*ServerStatus
	seq     uint64
	dirty   bool
}

// Update publishes all changes that fn makes as one snapshot, or none if they
// change nothing. Writers are serialised: fn must not write to the view.
func (v *View) Update(fn func(*Batch)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.cur.Load()
	b := &Batch{servers: slices.Clone(old.servers), seq: old.seq + 1}
	fn(b)
	if !b.dirty {
		return
	}
	v.cur.Store(&ServerStatusSnapshot{seq: b.seq, servers: b.servers, changed: make(chan struct{})})
	close(old.changed)
}

func find(servers []*ServerStatus, name string) (int, bool) {
	return slices.BinarySearchFunc(servers, name, func(s *ServerStatus, n string) int { return strings.Compare(s.Name, n) })
}

// UpdateServer changes one server; see View.UpdateServer.
func (b *Batch) UpdateServer(name string, fn func(*ServerStatus)) {
	i, ok := find(b.servers, name)
	st := ServerStatus{Name: name}
	if ok {
		st = *b.servers[i]
	}
	fn(&st)
	st.Name, st.Version = name, b.seq
	switch {
	case !ok:
		b.servers = slices.Insert(b.servers, i, &st)
	case same(b.servers[i], &st):
		return
	default:
		b.servers[i] = &st
	}
	b.dirty = true
}

// RemoveServer removes one server; a name that is not there changes nothing.
func (b *Batch) RemoveServer(name string) {
	if i, ok := find(b.servers, name); ok {
		b.servers = slices.Delete(b.servers, i, i+1)
		b.dirty = true
	}
}

// Watch yields the current snapshot at once, then the newest one after each
// change, until ctx is done. A slow reader skips snapshots but never goes back;
// a gap in Seq tells that it skipped.
func (v *View) Watch(ctx context.Context) iter.Seq[*ServerStatusSnapshot] {
	return func(yield func(*ServerStatusSnapshot) bool) {
		for {
			s := v.cur.Load()
			if !yield(s) {
				return
			}
			select {
			case <-s.changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Seq returns the snapshot's version: 0 for the empty first one, then one more per publish.
func (s *ServerStatusSnapshot) Seq() uint64 { return s.seq }

// GetServer returns the status of a server; ok is false if there is none of that name.
func (s *ServerStatusSnapshot) GetServer(name string) (st ServerStatus, ok bool) {
	if i, ok := find(s.servers, name); ok {
		return *s.servers[i], true
	}
	return ServerStatus{}, false
}

// GetAll returns the status of all servers, in name order. The caller owns the slice.
func (s *ServerStatusSnapshot) GetAll() []ServerStatus { return slices.Collect(s.Servers()) }

// Servers yields the status of all servers, in name order.
func (s *ServerStatusSnapshot) Servers() iter.Seq[ServerStatus] {
	return func(yield func(ServerStatus) bool) {
		for _, st := range s.servers {
			if !yield(*st) {
				return
			}
		}
	}
}

// Count returns how many servers there are.
func (s *ServerStatusSnapshot) Count() int { return len(s.servers) }

// CountByState returns how many servers are in a state.
func (s *ServerStatusSnapshot) CountByState(state State) int {
	n := 0
	for _, st := range s.servers {
		if st.State == state {
			n++
		}
	}
	return n
}

// CountConnected returns how many servers are connected.
func (s *ServerStatusSnapshot) CountConnected() int { return s.CountByState(Connected) }

// Changed returns a channel that is closed once a newer snapshot is current.
func (s *ServerStatusSnapshot) Changed() <-chan struct{} { return s.changed }
