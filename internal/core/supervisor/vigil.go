package supervisor

import (
	"context"
	"sync"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A vigil is a runner's watch over one session. Beside it at most one listing of
// tools and one check for a sign of life are under way.
type vigil struct {
	*runner
	session *live
	work    sync.WaitGroup

	listing bool
	stale   bool             // they changed while they were listed
	listed  chan listing     // one slot
	next    time.Time        // no new listing before
	again   <-chan time.Time // when a listing that failed is tried again
	misses  int              // listings that failed in a row

	checking bool
	checked  chan error       // one slot
	turn     <-chan time.Time // when it is this server's turn after a sleep
}

type listing struct {
	offers offering
	err    error
}

// watch reports a session and the changes of its tools until it ends or should
// be ended, and returns how long it was connected and why.
func (r *runner) watch(ctx context.Context, session *live, offers offering) (time.Duration, error) {
	began := time.Now()
	var st stateview.ServerStatus
	session.Describe(&st)
	r.tell(connected{session: session, transport: st.Transport, protocol: st.Protocol, pid: st.PID, offers: offers})
	v := &vigil{runner: r, session: session, listed: make(chan listing, 1), checked: make(chan error, 1)}
	ctx, cancel := context.WithCancelCause(ctx)
	err := v.keep(ctx)
	up := time.Since(began)
	cancel(errSessionEnded)
	v.work.Wait()
	return up, err
}

// keep returns why the session ended, or should.
func (v *vigil) keep(ctx context.Context) error {
	for {
		doubted := v.session.doubted
		if v.checking {
			doubted = nil
		}
		select {
		case <-v.session.ended:
			return v.session.err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-v.session.Changed():
			v.session.hear()
			v.list(ctx)
		case <-v.again:
			v.list(ctx)
		case l := <-v.listed:
			v.took(ctx, l)
		case <-doubted:
			v.check(ctx)
		case err := <-v.checked:
			if v.checking = false; err != nil {
				return err
			}
		case <-v.orders.signal:
			v.obey(ctx, v.orders.take())
		case <-v.turn:
			v.turn = nil
			if v.place == remote && !v.cutOff() {
				return errReopen
			}
			v.check(ctx)
		}
	}
}

func (v *vigil) obey(ctx context.Context, k order) {
	if k.has(woken) {
		v.health.forget()
		v.turn = time.After(jitter(v.settings.Stagger))
	}
	if k.has(beat) || k.has(turned) && v.place == remote {
		v.check(ctx)
	}
}

// list begins to list what changed again, which it does not do too often.
func (v *vigil) list(ctx context.Context) {
	if v.listing {
		v.stale = true
		return
	}
	v.listing, v.stale, v.again = true, false, nil
	at := latest(time.Now(), v.next)
	v.next = at.Add(v.settings.RelistEvery)
	v.work.Go(func() {
		if !sleep(ctx, time.Until(at)) {
			return
		}
		ctx, cancel := context.WithTimeoutCause(ctx, v.settings.StartTimeout, &timeoutError{v.settings.StartTimeout})
		defer cancel()
		offers, err := v.runner.list(ctx, v.session)
		v.listed <- listing{offers, err}
	})
}

func (v *vigil) took(ctx context.Context, l listing) {
	v.listing = false
	if l.err == nil {
		v.misses = 0
		v.tell(relisted{l.offers})
		if v.stale {
			v.list(ctx)
		}
		return
	}
	wait := jitter(v.settings.ceiling(v.misses))
	v.misses++
	v.again = time.After(wait)
	v.log.Warn("tools not listed", "retry_in", wait, "err", l.err)
}

// cutOffTimeout is how long the sign of life of a remote server may take when the
// network is known to be gone: it is expected not to come.
const cutOffTimeout = 2 * time.Second

// check begins to ask for a sign of life. A started server has three tries, as
// it may just be busy. A connection that was cut is found by two.
func (v *vigil) check(ctx context.Context) {
	if v.checking {
		return
	}
	v.checking = true
	v.work.Go(func() {
		if v.place == child {
			t := v.settings.PingTimeout
			v.checked <- v.session.check(ctx, child, t, t, t)
		} else {
			t := v.settings.PeerTimeout
			if v.cutOff() {
				t = min(t, cutOffTimeout)
			}
			v.checked <- v.session.check(ctx, v.place, t, t/2)
		}
	})
}
