package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// An outcome is how the next attempt of a server ends, for the requests that wait for it.
type outcome struct {
	done    chan struct{} // closed once the others are set
	session Requester     // nil beside an error
	err     error
}

// Request relays one request to a server's session; see Requester. It waits up
// to CallWait for a server that is not connected but should be, and has it tried
// again at once if it may be. A request is sent at most once, and not if req.Admit,
// which is asked when there is a session to send it to, returns an error; the view
// then says what the session is of. Errors of its own: ErrUnknownServer, ErrClosed,
// that of req.Admit, and a *StateError, which matches ErrNotConnected; then the request
// was not sent.
func (s *Supervisor) Request(ctx context.Context, server string, req call.Request) (result, rpcErr json.RawMessage, err error) {
	var session Requester
	if known, ok := s.sessions.Load(server); ok {
		session = known.(Requester)
	} else if session, err = s.await(ctx, server); err != nil {
		return nil, nil, fmt.Errorf("request to server %q: %w", server, err)
	}
	if req.Admit != nil {
		if err := req.Admit(); err != nil {
			return nil, nil, fmt.Errorf("request to server %q: %w", server, err)
		}
	}
	return session.Request(ctx, req)
}

// await returns the session of a server's next attempt.
func (s *Supervisor) await(ctx context.Context, server string) (Requester, error) {
	if _, ok := s.view.GetServer(server); !ok {
		return nil, ErrUnknownServer
	}
	wait, cancel := context.WithTimeout(ctx, s.settings.CallWait)
	defer cancel()
	reply := make(chan *outcome, 1)
	s.inbox.put(need{server, reply})
	var o *outcome
	select {
	case o = <-reply:
	case <-wait.Done():
		return nil, s.overdue(ctx, server)
	case <-s.done:
		return nil, ErrClosed
	}
	select {
	case <-o.done:
		return o.session, o.err
	case <-wait.Done():
		return nil, s.overdue(ctx, server)
	case <-s.done:
		return nil, ErrClosed
	}
}

// overdue says why a request was not sent in time.
func (s *Supervisor) overdue(ctx context.Context, server string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	st, ok := s.view.GetServer(server)
	switch {
	case !ok:
		return ErrUnknownServer
	case st.State == stateview.Connected: // since a moment ago; it may be lost again by now
		st.State = stateview.Connecting
	}
	return &StateError{Server: server, State: st.State, Why: st.Problem()}
}

// need returns the outcome that a request has to wait for; it is settled already
// where waiting makes no sense.
func (l *loop) need(name string) *outcome {
	s, g := l.servers[name], l.goals[name]
	if s == nil {
		return known(nil, ErrUnknownServer)
	}
	wait := false
	switch s.state {
	case stateview.Connected:
		// Once it is published what is held of the tools, which the request is admitted by.
		o := &outcome{done: make(chan struct{}), session: s.session}
		l.settled = append(l.settled, o)
		return o
	case stateview.Connecting:
		wait = true
	case stateview.Stopping: // to start anew, maybe
		wait = g != nil && g.rest == stateview.Connected
	case stateview.Backoff:
		noNetwork := s.place == remote && l.offline.Load()
		if wait = !noNetwork && time.Until(s.notBefore) < l.settings.CallWait; wait {
			s.give(needed)
		}
	}
	if !wait {
		return known(nil, s.stateError())
	}
	if s.outcome == nil {
		s.outcome = &outcome{done: make(chan struct{})}
	}
	return s.outcome
}

func known(session Requester, err error) *outcome {
	o := &outcome{done: make(chan struct{}), session: session, err: err}
	close(o.done)
	return o
}

func (s *server) stateError() error {
	return &StateError{Server: s.status.Name, State: s.state, Why: s.status.Problem()}
}

// settleOutcome answers those who wait for an attempt when it has ended.
func (l *loop) settleOutcome(s *server) {
	switch s.state {
	case stateview.Connecting, stateview.Stopping:
	case stateview.Connected:
		l.answerOutcome(s, s.session, nil)
	default:
		l.answerOutcome(s, nil, s.stateError())
	}
}

// answerOutcome answers those who wait once what happened is published.
func (l *loop) answerOutcome(s *server, session Requester, err error) {
	if s.outcome == nil {
		return
	}
	s.outcome.session, s.outcome.err = session, err
	l.settled = append(l.settled, s.outcome)
	s.outcome = nil
}
