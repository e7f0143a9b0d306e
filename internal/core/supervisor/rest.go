package supervisor

import (
	"context"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// wait returns when the next attempt may begin, with what is to be called when
// it has ended; ok is false if there is no next one.
func (r *runner) wait(ctx context.Context, v verdict) (release func(), ok bool) {
	if ctx.Err() != nil || v.rest == stateview.AuthRequired {
		return nil, false
	}
	if v.rest == stateview.Failed && !r.park(ctx, &v) {
		return nil, false
	}
	for r.rest(ctx, &v) {
		if v.spread && r.place != child {
			return func() {}, true
		}
		if release, ok = r.queue(ctx, &v); ok {
			return release, true
		}
	}
	return nil, false
}

// queue waits for a turn among the retries of all servers. ok is false when ctx is
// done, and when an order has changed what is waited for.
func (r *runner) queue(ctx context.Context, v *verdict) (release func(), ok bool) {
	u := usual
	switch {
	case v.awaited:
		u = awaited
	case r.health.failures <= 1:
		u = fresh
	}
	began := time.Now()
	defer func() { r.health.queued += time.Since(began) }()
	t := r.retries.queue(r.place, u)
	for {
		select {
		case <-t.ready:
			if ctx.Err() == nil && !r.cutOff() {
				return t.done, true
			}
			t.done()
			return nil, false
		case <-ctx.Done():
			t.done()
			return nil, false
		case <-r.orders.signal:
			k := r.orders.take()
			if k.has(woken|turned|added) || r.cutOff() {
				t.done()
				r.reconsider(v, k)
				return nil, false
			}
			if k.has(needed) {
				t.hurry(awaited)
			}
		}
	}
}

// park waits until there is a reason to try a failed server again: something
// changed on disk, or the network is back, without which it may have crashed. It
// reports false if there is none.
func (r *runner) park(ctx context.Context, v *verdict) bool {
	defer r.health.forget()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	changed := make(chan error, 1)
	go func() { changed <- r.connector.AwaitChange(ctx, r.srv, v.why) }()
	back := false
	for {
		select {
		case err := <-changed:
			switch {
			case back:
				v.retry = time.Now().Add(jitter(r.settings.Stagger))
			case err == nil:
				v.retry = r.tried.Add(r.settings.RetryGap)
			case ctx.Err() == nil:
				r.log.Error("changes cannot be noticed", "err", err)
			}
			v.retry = latest(v.retry, v.notBefore)
			if back || err == nil {
				r.log.Info("tried again, something changed", "network", back)
			}
			return back || err == nil
		case <-r.orders.signal:
			if k := r.orders.take(); v.crashed && k.has(turned) && !r.offline.Load() {
				back = true
				cancel(nil)
			}
		}
	}
}

// rest waits for the time to try again, which orders may change. It reports
// false when ctx is done.
func (r *runner) rest(ctx context.Context, v *verdict) bool {
	for {
		timer := time.NewTimer(time.Until(v.retry))
		due := timer.C
		if r.cutOff() {
			due = nil
			if v.rest != stateview.Failed {
				v.rest, v.problem = stateview.Backoff, networkGone
				r.tellLost(*v)
			}
		}
		select {
		case <-due:
			return ctx.Err() == nil
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-r.orders.signal:
			timer.Stop()
			r.reconsider(v, r.orders.take())
		}
	}
}

// reconsider changes when to try again.
func (r *runner) reconsider(v *verdict, k order) {
	v.awaited = v.awaited || k.has(needed)
	if r.cutOff() {
		return
	}
	now := time.Now()
	soon := latest(now, r.tried.Add(r.settings.RetryGap))
	switch {
	case k.has(woken | turned):
		r.health.forget()
		if !now.Round(0).Before(v.notBefore.Round(0)) { // by the wall clock, which goes on while the machine sleeps
			v.notBefore = time.Time{}
		}
		v.retry = latest(now.Add(jitter(r.settings.Stagger)), soon)
		if k.has(needed) {
			v.retry = soon
		}
		v.spread = !v.notBefore.After(v.retry)
	case k.has(needed) && soon.Before(v.retry):
		v.retry = soon
	case k.has(added):
		if early := latest(now.Add(jitter(r.settings.Stagger)), soon); v.retry.Before(now) || early.Before(v.retry) {
			v.retry = early
		}
		v.spread = !v.notBefore.After(v.retry)
	default:
		return
	}
	v.retry = latest(v.retry, v.notBefore)
	if v.rest == stateview.Backoff {
		r.tellLost(*v)
	}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
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
