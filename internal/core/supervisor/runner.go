package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A runner keeps one server connected until its context is done, or until
// trying again makes no sense. It owns nothing that others see; it reports.
type runner struct {
	name      string
	epoch     uint64
	srv       config.Server
	place     place
	connector Connector
	settings  Settings
	inbox     *inbox
	orders    *orders
	starts    chan struct{} // a slot for each server that is starting
	retries   *limiter
	offline   *atomic.Bool // the network is gone
	gated     *atomic.Bool // tools may be held
	log       *slog.Logger

	health health
	tried  time.Time         // when the newest attempt began
	stuck  stateview.Problem // what could not be ended, until a session ended in order; zero if nothing
}

// errReopen says that a session, or an attempt, is to be begun anew without having failed.
var errReopen = errors.New("to be opened anew after a sleep")

func (r *runner) tell(e event) { r.inbox.put(report{r.name, r.epoch, e}) }

// cutOff reports whether the server cannot be reached because there is no network.
func (r *runner) cutOff() bool { return r.place == remote && r.offline.Load() }

// run tries until a session is up, watches it to its end, and begins again. The
// first attempt is known to the loop, which started it.
func (r *runner) run(ctx context.Context) {
	defer func() { r.tell(ended{r.stuck}) }()
	failed := 0 // attempts since the last success
	release := func() {}
	for {
		session, offers, err := r.attempt(ctx)
		release()
		var up time.Duration
		switch {
		case err == nil:
			failed = 0
			up, err = r.watch(ctx, session, offers)
		case !errors.Is(err, errReopen):
			failed++
		}
		var next verdict
		if ctx.Err() == nil {
			next = r.judge(err, up, failed)
		}
		if left := stuckIn(err); !left.IsZero() {
			r.stuck = left
		}
		if session != nil {
			r.stuck = session.end(r.log)
		}
		r.hold(&next)
		var ok bool
		if release, ok = r.wait(ctx, next); !ok {
			return
		}
		r.tell(attempting{failed + 1})
	}
}

// judge decides how to go on and tells the loop.
func (r *runner) judge(err error, up time.Duration, failed int) verdict {
	if errors.Is(err, errReopen) {
		r.tell(reopening{})
		v := verdict{rest: stateview.Connecting, retry: time.Now(), spread: true}
		if up == 0 { // an attempt; a session waited for its turn already
			v.retry = v.retry.Add(jitter(r.settings.Stagger))
		}
		return v
	}
	v := r.health.judge(err, up, r.cutOff())
	if v.rest == stateview.Backoff {
		r.log.Warn("server lost", "attempt", failed, "retry_in", time.Until(v.retry), "err", err)
	} else {
		r.log.Error("server needs a person", "state", v.rest, "attempt", failed, "err", err)
	}
	r.tellLost(v)
	return v
}

// hold keeps a server of which something could not be ended from being started
// often, as each start may leave one more, and has that shown.
func (r *runner) hold(v *verdict) {
	if r.stuck.IsZero() || v.rest != stateview.Backoff && v.rest != stateview.Failed {
		return
	}
	v.notBefore = latest(v.notBefore, time.Now().Add(r.settings.RetryMax))
	v.retry = latest(v.retry, v.notBefore)
	if v.rest == stateview.Backoff {
		v.problem = stuckProblem(r.stuck, v.problem)
		r.tellLost(*v)
	}
}

func (r *runner) tellLost(v verdict) {
	m := lost{rest: v.rest, problem: v.problem, notBefore: v.notBefore}
	if v.rest == stateview.Backoff && !r.cutOff() {
		m.retryAt = v.retry.Round(0)
	}
	r.tell(m)
}

// attempt opens a session and lists its tools, unless an order ends that early.
// A session beside an error must be ended too.
func (r *runner) attempt(ctx context.Context) (*live, offering, error) {
	type result struct {
		session *live
		offers  offering
		err     error
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan result, 1)
	go func() {
		session, offers, err := r.connect(ctx)
		done <- result{session, offers, err}
	}()
	var why error
	var taken order
	for {
		select {
		case <-r.orders.signal:
			k := r.orders.take()
			taken |= k
			if reason := r.interrupted(k); reason != nil {
				why = reason
				cancel(why)
			}
		case res := <-done:
			switch {
			case why != nil && res.err == nil: // it was quicker
				r.orders.give(taken & (woken | turned))
			case why != nil:
				res.err = why
			case res.err != nil && taken.has(added):
				r.orders.give(added)
			}
			return res.session, res.offers, res.err
		}
	}
}

// interrupted returns why an order ends an attempt; nil if it does not.
func (r *runner) interrupted(k order) error {
	if k.has(woken | turned) {
		r.health.forget()
	}
	switch {
	case k.has(turned) && r.cutOff():
		return errNetworkGone
	case k.has(woken) && r.place == remote: // what it waits for is gone
		return errReopen
	}
	return nil
}

// connect opens a session and lists its tools; both together are one attempt.
// A session beside an error must be ended too.
func (r *runner) connect(ctx context.Context) (*live, offering, error) {
	var none offering
	select {
	case r.starts <- struct{}{}:
	case <-ctx.Done():
		return nil, none, context.Cause(ctx)
	}
	free := sync.OnceFunc(func() { <-r.starts })
	defer free()
	if r.place != child {
		defer time.AfterFunc(holdFor, free).Stop()
	}
	r.tried = time.Now()
	bound, cancel := context.WithTimeoutCause(ctx, r.settings.StartTimeout, &timeoutError{r.settings.StartTimeout})
	defer cancel()
	s, err := r.connector.Connect(bound, r.srv)
	if err != nil {
		return nil, none, fmt.Errorf("connect server %q: %w", r.name, reason(bound, err))
	}
	session := begin(s)
	offers, err := r.list(bound, session)
	if err != nil {
		return session, none, fmt.Errorf("list tools of server %q: %w", r.name, reason(bound, err))
	}
	return session, offers, nil
}

// list returns what a session's server offers, ready to be compared with what was approved.
func (r *runner) list(ctx context.Context, session *live) (offering, error) {
	offers, err := session.list(ctx)
	if err == nil && r.gated.Load() {
		offers.ids = identify(offers.tools)
	}
	return offers, err
}

// reason adds why the attempt was cut short, if it was, to an error without words of its own.
func reason(ctx context.Context, err error) error {
	if _, ok := errors.AsType[explained](err); ok || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}
