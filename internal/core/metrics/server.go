package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A Result is how a call ended.
type Result uint8

// The results of calls.
const (
	OK        Result = iota
	Refused          // by the server: its answer was an error
	Unsent           // it did not reach its server
	Cancelled        // by the client
	TimedOut
	Broken // the server went away
	numResults
)

// String returns the word that metrics use.
func (r Result) String() string {
	return [numResults]string{"ok", "error", "unsent", "cancelled", "timeout", "broken"}[r]
}

// A server is what is counted of one server.
type server struct {
	calls              [numResults]atomic.Uint64
	restarts, failures atomic.Uint64
}

// servers holds what is counted of the servers there are.
type servers struct {
	view *stateview.View
	all  sync.Map // name to *server

	mu sync.Mutex // serialises adding one
}

// of returns the counts of a server, nil if there is none of that name: what clients
// ask for can make no labels, and there are never more than there were servers at once.
func (s *servers) of(name string) *server {
	if known, ok := s.all.Load(name); ok {
		return known.(*server)
	}
	if _, ok := s.view.GetServer(name); !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(s.view.Snapshot())
	made, _ := s.all.LoadOrStore(name, &server{})
	return made.(*server)
}

// forget drops the counts of servers that are not in a snapshot.
func (s *servers) forget(snap *stateview.Snapshot) {
	s.all.Range(func(name, _ any) bool {
		if _, ok := snap.GetServer(name.(string)); !ok {
			s.all.Delete(name)
		}
		return true
	})
}

// A Call is a call under way.
type Call struct {
	p      *Program
	server string
	began  time.Time
}

// Begin says that a call to a server begins. End must be called.
func (p *Program) Begin(server string) Call {
	p.open.Add(1)
	return Call{p, server, time.Now()}
}

// End says how the call ended.
func (c Call) End(r Result) {
	c.p.open.Add(-1)
	c.p.call.observe(time.Since(c.began))
	if s := c.p.servers.of(c.server); s != nil {
		s.calls[r].Add(1)
	}
}

// Changed says that a server went from one state to another.
func (p *Program) Changed(name string, from, to stateview.State) {
	s := p.servers.of(name)
	if s == nil {
		return
	}
	switch to {
	case stateview.Connecting:
		if from != stateview.Disabled && from != stateview.Quarantined {
			s.restarts.Add(1)
		}
	case stateview.Backoff, stateview.AuthRequired, stateview.Failed:
		s.failures.Add(1)
	}
}
