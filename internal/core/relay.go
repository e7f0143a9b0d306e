package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/metrics"
	"mcpproxy-tray/internal/core/supervisor"
	"mcpproxy-tray/internal/core/upstream"
	"mcpproxy-tray/internal/stateview"
)

// attemptTime bounds connecting and listing together. The connector's own, more
// exact limits come first: 120 s for a package runner that downloads.
const attemptTime = 150 * time.Second

func (c *Core) supervisorOptions(view *stateview.View) supervisor.Options {
	o := supervisor.Options{
		Connector: connector{&upstream.Connector{
			Processes: c.o.Tree, Version: c.o.Version, Self: c.o.Self, ServerLog: c.logs.writer, Logger: c.o.Logger,
			Path:         c.path.Path,
			Notify:       c.notify,
			PathFiles:    c.path.Files,
			StartTimeout: func() time.Duration { return c.cfg.Load().Timeouts.Start },
		}},
		Settings: supervisor.Settings{StartTimeout: attemptTime, CallWait: c.cfg.Load().Timeouts.Wait},
		Logger:   c.o.Logger,
		View:     view, Published: c.metrics.Event,
		Changed: func(t supervisor.Transition) { c.metrics.Changed(t.Server, t.From, t.To) },
	}
	if c.store != nil {
		o.Approvals = c.store
	}
	return o
}

// notify hands what a server says to all clients to the endpoint. It is there before
// any server is: Run connects them.
func (c *Core) notify(server, method string, params json.RawMessage) {
	c.endpoint.Notify(server, method, params)
}

// A connector opens upstream's sessions for the supervisor.
type connector struct{ *upstream.Connector }

func (c connector) Connect(ctx context.Context, srv config.Server) (supervisor.Session, error) {
	s, err := c.Connector.Connect(ctx, srv)
	if err != nil {
		return nil, err // not a nil *upstream.Session in an interface
	}
	return s, nil
}

// A relay takes the endpoint's requests to the supervisor, each with a time limit.
type relay struct{ c *Core }

// Request relays one request and counts it; see supervisor.Requester.
func (r relay) Request(ctx context.Context, server string, req call.Request) (result, rpcErr json.RawMessage, err error) {
	counted, refused := r.c.metrics.Begin(server), false
	defer func() { counted.End(ending(ctx, refused, rpcErr, err)) }()
	if admit := req.Admit; admit != nil {
		req.Admit = func() error {
			err := admit()
			refused = err != nil
			return err
		}
	}
	return r.request(ctx, server, req)
}

// request relays one request, unless calls are paused.
func (r relay) request(ctx context.Context, server string, req call.Request) (result, rpcErr json.RawMessage, err error) {
	if r.c.switches.Load().Paused {
		return nil, nil, pausedError{}
	}
	limit := r.c.cfg.Load().Timeouts.Call
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newPatience(req.From, limit, func() { cancel(&callTimeoutError{server, limit}) })
	defer p.end()
	if req.From != nil {
		req.From = p
	}
	result, rpcErr, err = r.c.super.Request(ctx, server, req)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return result, rpcErr, err
}

// unsent is an error of a request that did not reach its server.
type unsent interface {
	error
	Unsent() bool
}

// ending says how a request ended, for the counts; ctx is its client's, and refused
// says that it was not sent because of what there is now to send it to.
func ending(ctx context.Context, refused bool, rpcErr json.RawMessage, err error) metrics.Result {
	e, ok := errors.AsType[unsent](err)
	switch {
	case err == nil && rpcErr == nil:
		return metrics.OK
	case err == nil:
		return metrics.Refused
	case ctx.Err() != nil:
		return metrics.Cancelled
	case refused, ok && e.Unsent(), errors.Is(err, supervisor.ErrUnknownServer):
		return metrics.Unsent
	case errors.Is(err, context.DeadlineExceeded):
		return metrics.TimedOut
	}
	return metrics.Broken
}

// A callTimeoutError is a call that was not answered in time. The server goes on.
type callTimeoutError struct {
	server string
	after  time.Duration
}

func (e *callTimeoutError) Error() string {
	return fmt.Sprintf("server %q did not answer within %s", e.server, e.after)
}

// Is says that it is a deadline's error.
func (e *callTimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Problem words it for people.
func (e *callTimeoutError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-CALL-TIMEOUT",
		Text: fmt.Sprintf("There was no answer within %s.", e.after),
		Hint: `Try again, or set a longer "call_timeout" in the configuration.`}
}
