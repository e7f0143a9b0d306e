package proxy

import (
	"encoding/json"
	"sync"
	"time"
)

// A leases ends sessions whose client has vanished. A session is in use while a
// request of it is being served, its event stream included (the library's own
// timeout does not count that one and would end a session that is listening);
// when none has been for the timeout, it expires. It also keeps which lists a
// session has seen: the library drops a notification while no stream is open.
type leases struct {
	timeout time.Duration
	expired func(session string)

	mu     sync.Mutex
	idle   map[string]*lease // by session id; guarded by mu
	closed bool              // guarded by mu
}

type lease struct {
	uses  int
	timer *time.Timer     // runs while uses is 0; fires once
	seen  versions        // of the lists the client last got; 0 = none yet
	can   json.RawMessage // the client's capabilities
	name  string          // as the client calls itself
}

// add begins the lease of a new session. It reports false if no session may live any more.
func (l *leases) add(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.idle == nil {
		l.idle = map[string]*lease{}
	}
	l.idle[id] = &lease{timer: time.AfterFunc(l.timeout, func() { l.expire(id) })}
	return true
}

// take marks a session as in use, and reports whether there is one.
func (l *leases) take(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.idle[id]
	if s == nil {
		return false
	}
	s.uses++
	s.timer.Stop()
	return true
}

// introduce notes what the client of a session said of itself: who it is and what it can do.
func (l *leases) introduce(id, name string, capabilities json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.idle[id]; s != nil {
		s.name, s.can = name, capabilities
	}
}

// name returns how the client of a session calls itself.
func (l *leases) name(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.idle[id]; s != nil {
		return s.name
	}
	return ""
}

// capabilities returns what the client of a session can do.
func (l *leases) capabilities(id string) json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.idle[id]; s != nil {
		return s.can
	}
	return nil
}

// has reports whether there is a session.
func (l *leases) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle[id] != nil
}

func (l *leases) release(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.idle[id]; s != nil && s.uses > 0 {
		if s.uses--; s.uses == 0 && !l.closed {
			s.timer.Reset(l.timeout)
		}
	}
}

// saw notes which list a session's client has got.
func (l *leases) saw(id string, k kind, version uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.idle[id]; s != nil {
		s.seen[k] = version
	}
}

// outdated returns which lists a session's client has, but not in these versions.
func (l *leases) outdated(id string, now versions) (old []kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.idle[id]
	for k := range numKinds {
		if s != nil && s.seen[k] != 0 && s.seen[k] != now[k] {
			old = append(old, k)
		}
	}
	return old
}

// remove forgets a session that its client has ended.
func (l *leases) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.idle[id]; s != nil {
		s.timer.Stop()
		delete(l.idle, id)
	}
}

func (l *leases) expire(id string) {
	l.mu.Lock()
	s := l.idle[id]
	if s == nil || s.uses > 0 || l.closed {
		l.mu.Unlock()
		return
	}
	delete(l.idle, id)
	l.mu.Unlock()
	l.expired(id)
}

func (l *leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, s := range l.idle {
		s.timer.Stop()
	}
}
