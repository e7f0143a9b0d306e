package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// live is a session with a channel that tells its end, and with what is known of
// its being alive. It belongs to a runner; Request may be called by anybody.
type live struct {
	Session
	ended   chan struct{} // closed once Wait has returned
	err     error         // why; to be read after ended is closed
	began   time.Time
	heard   atomic.Int64  // when it last answered something, in nanoseconds since began
	busy    atomic.Int32  // requests under way
	missed  atomic.Int64  // heard when a request timed out; -1 before
	doubted chan struct{} // one slot: a request timed out, and nothing else was heard meanwhile
	pings   bool          // it answered a ping; belongs to check
}

// begin starts to wait for a session's end. The runner must call end.
func begin(s Session) *live {
	l := &live{Session: s, ended: make(chan struct{}), began: time.Now(), doubted: make(chan struct{}, 1)}
	l.missed.Store(-1)
	go func() {
		l.err = s.Wait()
		close(l.ended)
	}()
	return l
}

// end closes the session and waits until it has ended. It returns the words for
// what could not be ended, if anything.
func (l *live) end(log *slog.Logger) (stuck stateview.Problem) {
	if err := l.Close(); err != nil {
		log.Error("session not closed in order", "err", err)
		if e, ok := errors.AsType[explained](err); ok {
			stuck = e.Problem()
		}
	}
	<-l.ended
	return stuck
}

func (l *live) hear() { l.heard.Store(int64(time.Since(l.began))) }

// silent returns how long nothing was heard from the server.
func (l *live) silent() time.Duration { return time.Since(l.began) - time.Duration(l.heard.Load()) }

// works reports whether the server may have no hand free for anything else: a
// request is under way, and none has timed out since it was last heard.
func (l *live) works() bool { return l.busy.Load() > 0 && l.missed.Load() != l.heard.Load() }

// Request relays a request; see Requester. One that times out raises doubt
// whether the server still answers at all, and does no more.
func (l *live) Request(ctx context.Context, req call.Request) (result, rpcErr json.RawMessage, err error) {
	l.busy.Add(1)
	defer l.busy.Add(-1)
	before := l.heard.Load()
	result, rpcErr, err = l.Session.Request(ctx, req)
	switch {
	case err == nil:
		l.hear()
	case timedOut(ctx) && l.heard.Load() == before:
		l.missed.Store(before)
		select {
		case l.doubted <- struct{}{}:
		default:
		}
	}
	return result, rpcErr, err
}

// timedOut reports whether ctx ended because time was up: as a deadline of its own, or
// by who says so in the cause.
func timedOut(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// list returns what the session's server offers; it does not outlive the session.
func (l *live) list(ctx context.Context) (offering, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-l.ended:
			cancel(errSessionEnded)
		case <-stop:
		}
	}()
	tools, other, err := l.Lists(ctx)
	close(stop)
	<-watching
	if err == nil {
		l.hear()
		return offering{tools: tools, other: other}, nil
	}
	select {
	case <-l.ended: // why it ended says more than how the listing failed
		if l.err != nil {
			err = l.err
		}
	default:
	}
	return offering{}, err
}

var errSessionEnded = errors.New("session ended")

// check asks for a sign of life until there is one, each time for so long. It
// returns why the session should be ended, nil if it should not or if ctx is done.
// A server that works on a request is not judged: its end, or that it times out, tells more.
func (l *live) check(ctx context.Context, at place, limits ...time.Duration) error {
	before := l.heard.Load()
	for i, limit := range limits {
		began := time.Now()
		err := l.probe(ctx, limit, i > 0)
		if err != nil && at == child { // it has all of its time, however the asking failed
			sleep(ctx, time.Until(began.Add(limit)))
		}
		switch {
		case err == nil, retryAfter(err) > 0:
			l.hear()
			return nil
		case ctx.Err() != nil, l.heard.Load() != before:
			return nil
		case i < len(limits)-1:
		case l.works():
			return nil
		default:
			return silence(at, err)
		}
	}
	return nil
}

// probe asks for one sign of life. A server may ignore pings, but none ignores
// tools/list, by which it came to be connected.
func (l *live) probe(ctx context.Context, limit time.Duration, again bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if again && !l.pings {
		_, err := l.Tools(ctx)
		if err != nil && ctx.Err() == nil && classOf(err, child) != classNetwork {
			return nil // it answered with something that is no list
		}
		return late(ctx, err)
	}
	err := l.Ping(ctx)
	l.pings = l.pings || err == nil
	return late(ctx, err)
}

// late returns err, or that time was up if that is all there is to it.
func late(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %v", errNoSign, err)
	}
	return err
}

var errNoSign = errors.New("no sign of life")

// silence words why a session is ended. How a connection failed says more than that it did.
func silence(at place, err error) error {
	if _, ok := errors.AsType[explained](err); ok && at != child {
		return err
	}
	return &unresponsiveError{at, err}
}
