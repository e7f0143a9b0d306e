package supervisor

import (
	"context"

	"mcpproxy-tray/internal/stateview"
)

// The steps of a reconcile that do more than to remember something.

func (l *loop) start(ctx context.Context, s *server, w *wanted) {
	s.epoch++
	s.live, s.srv, s.restart = true, w.srv, w.goal.restart
	s.place, s.orders = placeOf(w.srv), newOrders()
	s.status.Attempt, s.status.Transport = 1, stateview.ParseTransport(w.srv.Transport)
	s.setProblem(s.stuck)
	l.transition(s, stateview.Connecting)
	ctx, cancel := context.WithCancelCause(ctx)
	s.cancel = func() { cancel(errStop) }
	r := &runner{
		name: w.srv.Name, epoch: s.epoch, srv: w.srv, place: s.place,
		connector: l.connector, settings: l.settings, inbox: &l.inbox, orders: s.orders,
		starts: l.starts, retries: l.retries, offline: &l.offline, gated: &l.gated, log: l.log.With("server", w.srv.Name),
		health: health{settings: l.settings, place: s.place}, stuck: s.stuck,
	}
	l.log.Info("start", "server", r.name)
	l.runners.Go(func() {
		defer cancel(nil)
		r.run(ctx)
	})
}

func (l *loop) stop(s *server) {
	l.log.Info("stop", "server", s.status.Name)
	l.transition(s, stateview.Stopping)
	s.cancel()
}

func (l *loop) settle(s *server, w *wanted) {
	s.srv, s.restart = w.srv, w.goal.restart
	s.status.Attempt, s.status.Transport = 0, stateview.ParseTransport(w.srv.Transport)
	switch w.rest {
	case stateview.Quarantined:
		s.setProblem(heldProblem(w.verdict))
	case stateview.Failed:
		s.setProblem(entryProblem(w.srv.Err))
	default:
		s.setProblem(s.stuck)
	}
	if s.state != w.rest {
		l.transition(s, w.rest)
	}
}
