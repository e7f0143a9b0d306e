package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	starts    chan struct{}
	connector Connector
	settings  Settings
	inbox     *inbox
	log       *slog.Logger
}

func (r *runner) tell(e event) { r.inbox.put(report{r.name, r.epoch, e}) }

// run tries until a session is up, watches it to its end, and begins again. The
// first attempt is known to the loop, which started it.
func (r *runner) run(ctx context.Context) {
	defer r.tell(ended{})
	b := backoff{settings: r.settings}
	for n := 1; ; n++ {
		session, tools, err := r.connect(ctx)
		var up time.Duration
		if err == nil {
			n = 0
			up, err = r.watch(ctx, session, tools)
		}
		again := ctx.Err() == nil
		var retry time.Time
		if again {
			retry, again = r.failed(&b, n, up, err)
		}
		if session != nil {
			session.end(r.log)
		}
		if !again || !sleep(ctx, time.Until(retry)) {
			return
		}
		r.tell(attempting{n + 1})
	}
}

// failed reports a failure; again says whether to try once more, at retry.
func (r *runner) failed(b *backoff, attempt int, up time.Duration, err error) (retry time.Time, again bool) {
	m := lost{rest: restOf(err), problem: problemOf(err)}
	if m.rest != stateview.Backoff {
		r.tell(m)
		r.log.Error("server needs a person", "state", m.rest, "attempt", attempt, "err", err)
		return time.Time{}, false
	}
	wait := b.after(up)
	retry = time.Now().Add(wait)
	m.retryAt = retry.Round(0)
	r.tell(m)
	r.log.Warn("server lost", "attempt", attempt, "retry_in", wait, "err", err)
	return retry, true
}

// connect opens a session and lists its tools; both together are one attempt.
// A session beside an error must be ended too.
func (r *runner) connect(ctx context.Context) (*live, stateview.ToolList, error) {
	var none stateview.ToolList
	select {
	case r.starts <- struct{}{}:
		defer func() { <-r.starts }()
	case <-ctx.Done():
		return nil, none, context.Cause(ctx)
	}
	bound, cancel := context.WithTimeoutCause(ctx, r.settings.StartTimeout, &timeoutError{r.settings.StartTimeout})
	defer cancel()
	s, err := r.connector.Connect(bound, r.srv)
	if err != nil {
		return nil, none, fmt.Errorf("connect server %q: %w", r.name, reason(bound, err))
	}
	session := begin(s)
	tools, err := session.list(bound)
	if err != nil {
		return session, none, fmt.Errorf("list tools of server %q: %w", r.name, reason(bound, err))
	}
	return session, tools, nil
}

// reason adds why the attempt was cut short, if it was, to an error without words of its own.
func reason(ctx context.Context, err error) error {
	if _, ok := errors.AsType[explained](err); ok || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

// watch reports a session and the changes of its tools until it ends, and
// returns how long it was connected and why it ended.
func (r *runner) watch(ctx context.Context, session *live, tools stateview.ToolList) (time.Duration, error) {
	began := time.Now()
	var st stateview.ServerStatus
	session.Describe(&st)
	r.tell(connected{session: session.Session, transport: st.Transport, protocol: st.Protocol, pid: st.PID, tools: tools})
	var next time.Time         // no new listing before
	var again <-chan time.Time // when a listing that failed is tried again
	b := backoff{settings: r.settings}
	for {
		select {
		case <-session.ended:
			return time.Since(began), session.err
		case <-ctx.Done():
			return time.Since(began), context.Cause(ctx)
		case <-session.Changed():
		case <-again:
		}
		again = nil
		if !session.sleep(ctx, time.Until(next)) {
			continue // the reason is found above
		}
		next = time.Now().Add(r.settings.RelistEvery)
		bound, cancel := context.WithTimeoutCause(ctx, r.settings.StartTimeout, &timeoutError{r.settings.StartTimeout})
		tools, err := session.list(bound)
		cancel()
		if err != nil {
			wait := b.after(0)
			again = time.After(wait)
			r.log.Warn("tools not listed", "retry_in", wait, "err", err)
			continue
		}
		b.failures = 0
		r.tell(relisted{tools})
	}
}

// sleep waits, and reports whether ctx was not done by then.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
