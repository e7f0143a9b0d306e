package stateview

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A View publishes snapshots of all servers. Use New to make one.
type View struct {
	cur atomic.Pointer[ServerStatusSnapshot]
	mu  sync.Mutex // serialises writers; guards what follows, and nothing that readers touch

	published func(s *ServerStatusSnapshot, took time.Duration) // nil: nobody times it
	turn      time.Time                                         // when the writer's turn began; zero if nobody times it
}

// New returns a view of no servers.
func New() *View {
	v := &View{}
	v.cur.Store(&ServerStatusSnapshot{})
	return v
}

// Snapshot returns the current snapshot. It never blocks.
func (v *View) Snapshot() *ServerStatusSnapshot { return v.cur.Load() }

// GetServer returns the current status of a server; ok is false if there is none of that name.
func (v *View) GetServer(name string) (ServerStatus, bool) {
	st, _ := v.cur.Load().find(name)
	return *st, st != &absent
}

// GetAll returns the current status of all servers, in name order. The caller owns the slice.
func (v *View) GetAll() []ServerStatus { return v.cur.Load().GetAll() }

// Count returns how many servers there are.
func (v *View) Count() int { return v.cur.Load().Count() }

// CountByState returns how many servers are in a state.
func (v *View) CountByState(s State) int { return v.cur.Load().CountByState(s) }

// CountConnected returns how many servers are connected.
func (v *View) CountConnected() int { return v.cur.Load().CountConnected() }

// UpdateServer publishes what fn makes of a server's status; a server of a new
// name is added. A change of nothing publishes nothing. To add or remove
// many servers use Update: a new set of names costs time for all of them.
//
// fn works on a copy, which is worthless once fn has returned. It may read the
// view and sees what was published before. It must not write to a view (nor wait
// for somebody who does): writers take turns, so it would wait for itself. Such a
// write panics. If fn panics, nothing is published and the view works on.
func (v *View) UpdateServer(name string, fn func(*ServerStatus)) {
	v.lock()
	defer v.mu.Unlock()
	old := v.cur.Load()
	cur, slot := old.find(name)
	if slot == noSlot {
		v.publish(old, old.rebuild(map[string]*ServerStatus{name: edit(name, nil, old.seq+1, fn)}))
		return
	}
	if st := edit(name, cur, old.seq+1, fn); st != cur {
		next := old.successor()
		next.put(old, slot, st)
		v.publish(old, next)
	}
}

// RemoveServer publishes a snapshot without that server, if there was one.
func (v *View) RemoveServer(name string) {
	v.Update(func(b *Batch) { b.RemoveServer(name) })
}

// Update publishes all changes that fn makes as one snapshot, or none if they
// come to nothing. The rules of UpdateServer hold for fn.
func (v *View) Update(fn func(*Batch)) {
	v.lock()
	defer v.mu.Unlock()
	b := &Batch{base: v.cur.Load()}
	defer func() { b.done = true }()
	fn(b)
	if next := b.apply(); next != nil {
		v.publish(b.base, next)
	}
}

// OnPublish has fn told of each snapshot once it was announced, and of the time
// from the beginning of its writer's turn until then. From then on Age works, too.
// fn belongs to that turn: it must return soon and must not write to the view. A
// view whose publishes nobody times looks at no clock. It may be called once,
// before the first write.
func (v *View) OnPublish(fn func(s *ServerStatusSnapshot, took time.Duration)) {
	v.lock()
	defer v.mu.Unlock()
	v.published = fn
}

// publish makes next the current snapshot, then announces it: who is woken sees it.
func (v *View) publish(old, next *ServerStatusSnapshot) {
	if v.published == nil {
		v.cur.Store(next)
		old.expire()
		return
	}
	old.replaced.Store(int64(time.Since(epoch))) // first, so that who sees next sees it
	v.cur.Store(next)
	old.expire()
	v.published(next, time.Since(v.turn))
}

// lock waits for the writer's turn.
func (v *View) lock() {
	if !v.mu.TryLock() {
		if insideWrite() {
			panic("stateview: a function that changes a view called UpdateServer, RemoveServer or Update")
		}
		v.mu.Lock()
	}
	if v.published != nil {
		v.turn = time.Now()
	}
}

// insideWrite reports whether the method that called lock was called, at
// whatever distance, by a function given to Update or UpdateServer. It costs
// about a microsecond, so it is asked only when a writer has to wait anyway.
func insideWrite() bool {
	var pcs [256]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])]) // 3: Callers, this, lock
	method, more := frames.Next()
	prefix := method.Function[:strings.LastIndexByte(method.Function, '.')+1]
	for more {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function == prefix+"Update" || f.Function == prefix+"UpdateServer" {
			return true
		}
	}
	return false
}
