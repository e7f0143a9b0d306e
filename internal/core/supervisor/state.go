package supervisor

import (
	"time"

	"mcpproxy-tray/internal/stateview"
)

// legal holds the transitions that may happen; a new server begins in Disabled.
var legal = [stateview.NumStates][]stateview.State{
	stateview.Disabled:     {stateview.Connecting, stateview.Quarantined, stateview.Failed},
	stateview.Quarantined:  {stateview.Connecting, stateview.Disabled, stateview.Failed},
	stateview.Connecting:   {stateview.Connected, stateview.Backoff, stateview.AuthRequired, stateview.Failed, stateview.Stopping},
	stateview.Connected:    {stateview.Connecting, stateview.Backoff, stateview.AuthRequired, stateview.Failed, stateview.Stopping},
	stateview.Backoff:      {stateview.Connecting, stateview.Stopping},
	stateview.AuthRequired: {stateview.Connecting, stateview.Disabled, stateview.Quarantined, stateview.Failed, stateview.Stopping},
	stateview.Failed:       {stateview.Connecting, stateview.Disabled, stateview.Quarantined, stateview.Stopping},
	stateview.Stopping:     {stateview.Connecting, stateview.Disabled, stateview.Quarantined, stateview.Failed},
}

// A server is what the control loop knows of one server.
type server struct {
	fact
	epoch     uint64                 // of the newest runner; reports of older ones are discarded
	cancel    func()                 // ends the runner; nil without one
	orders    *orders                // to the newest runner; nil before the first
	place     place                  // of the newest runner
	status    stateview.ServerStatus // as it shall be published
	session   *live                  // while connected
	list      offering               // while connected: what it offers, as listed last
	pending   *connected             // in Connecting: a session is up, and its first list is being saved
	first     bool                   // list shall be saved as the first one
	taking    bool                   // a first list is being saved
	stuck     stateview.Problem      // what could not be ended, as the newest runner said at its end; zero if nothing
	notBefore time.Time              // in Backoff: no request can have it tried earlier
	outcome   *outcome               // of the next attempt; nil if nobody waits for it
}

// give passes an order on, if there is somebody to take it.
func (s *server) give(k order) {
	if s.live {
		s.orders.give(k)
	}
}

// The events of a server begin with a switch over its state. They report
// whether the event means anything in that state.

// attempting says that a try to connect begins.
func (l *loop) attempting(s *server, n int) bool {
	switch s.state {
	case stateview.Connecting:
	case stateview.Backoff, stateview.Failed:
		l.transition(s, stateview.Connecting)
	default:
		return false
	}
	s.status.Attempt, s.status.RetryAt = n, time.Time{}
	s.pending, s.first = nil, false
	return true
}

// connected says that a session is up and what it offers was listed.
func (l *loop) connected(s *server, m connected) bool {
	switch s.state {
	case stateview.Connecting:
	default:
		return false
	}
	s.pending, s.list = &m, m.offers
	if s.first = l.takesFirst(s); !s.first {
		l.open(s)
	}
	return true
}

// open has the session that is up used from now on.
func (l *loop) open(s *server) {
	m := s.pending
	s.pending, s.session = nil, m.session
	if wish, ok := l.wishes[s.status.Name]; ok {
		s.session.Follow(wish)
	}
	if s.place != child {
		l.peers++
	}
	s.status.Transport, s.status.Protocol, s.status.PID = m.transport, m.protocol, m.pid
	s.status.Attempt = 0
	l.offers(s, s.list)
	s.status.SetProblem(stateview.Problem{})
	l.transition(s, stateview.Connected)
}

// relisted says that what a session's server offers was listed again.
func (l *loop) relisted(s *server, o offering) bool {
	switch {
	case s.state == stateview.Connected:
	case s.pending != nil:
		s.list = o // shown once the first list is saved
		return false
	default:
		return false
	}
	l.offers(s, o)
	s.first = l.takesFirst(s)
	return true
}

func (l *loop) offers(s *server, o offering) {
	s.list = o
	l.gate(s)
	s.status.SetOffer(o.other)
}

// reopening says that a session is opened anew, not because of a failure.
func (l *loop) reopening(s *server) bool {
	switch {
	case s.state == stateview.Connected:
		l.transition(s, stateview.Connecting)
	case s.pending != nil:
		s.pending, s.first = nil, false
	default:
		return false
	}
	s.status.Attempt = 1
	return true
}

// lost says that an attempt failed or a session ended, and how it goes on; in
// Backoff, that it waits for something else than it did.
func (l *loop) lost(s *server, m lost) bool {
	switch s.state {
	case stateview.Connecting, stateview.Connected:
		s.setProblem(m.problem)
		l.transition(s, m.rest)
	case stateview.Backoff:
		s.setProblem(m.problem)
	default:
		return false
	}
	s.status.RetryAt, s.notBefore = m.retryAt, m.notBefore
	return true
}

// setProblem keeps the time at which the same problem was found first.
func (s *server) setProblem(p stateview.Problem) {
	if p.IsZero() {
		s.status.SetProblem(p)
		return
	}
	old := s.status.Problem()
	p.Since = old.Since
	if old != p || p.Since.IsZero() {
		p.Since = time.Now().Round(0)
	}
	s.status.SetProblem(p)
}

// transition is the only place where a state changes. An illegal one is a bug of ours.
func (l *loop) transition(s *server, to stateview.State) {
	from := s.state
	if !mayFollow(from, to) {
		l.broken("illegal transition", "server", s.status.Name, "from", from, "state", to)
	}
	if from == stateview.Connected && s.place != child {
		l.peers--
	}
	now := time.Now().Round(0)
	s.state, s.status.State, s.status.Since, s.status.RetryAt = to, to, now, time.Time{}
	if to != stateview.Connected {
		// What a session said is not true any more.
		s.session, s.status.PID, s.status.Protocol = nil, 0, ""
		s.pending, s.first, s.list = nil, false, offering{}
		s.status.Tools = stateview.ToolList{}
		s.status.SetOffer(stateview.Offer{})
	}
	l.settleOutcome(s)
	l.events = append(l.events, Transition{Server: s.status.Name, From: from, To: to, At: now, Problem: s.status.Problem()})
	l.log.Debug("state", "server", s.status.Name, "from", from, "state", to)
}

func mayFollow(from, to stateview.State) bool {
	for _, s := range legal[from] {
		if s == to {
			return true
		}
	}
	return false
}
