package supervisor

import (
	"errors"
	"slices"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// Limits of what a server may ask for with Retry-After: not so short that it is
// hammered, not so long that it looks forgotten.
const (
	minRetryAfter = time.Second
	maxRetryAfter = 10 * time.Minute
)

// A health is what a runner remembers of its server's failures.
type health struct {
	settings Settings
	place    place
	failures int           // since it was last healthy, for the delay
	crashes  []time.Time   // the newest ones, less what was queued by then
	queued   time.Duration // how long this server waited for other servers' retries
}

// A verdict says how a server goes on after a failure.
type verdict struct {
	rest      stateview.State   // Backoff, AuthRequired or Failed; Connecting if there was no failure
	problem   stateview.Problem // for people
	why       error             // for the log, and for AwaitChange
	crashed   bool              // it is a crash loop
	retry     time.Time         // when to try again
	notBefore time.Time         // nobody may make it earlier than this; may be zero
	awaited   bool              // a request waits for it
	spread    bool              // retry is a moment within Stagger, as for all others
}

// forget makes it a server that never failed: what happened is no reason any more.
func (h *health) forget() { h.failures, h.crashes = 0, nil }

// judge decides what follows a failed attempt (up is zero), or the end of a
// session that was connected for up. cutOff says that the network is known to be gone.
func (h *health) judge(err error, up time.Duration, cutOff bool) verdict {
	v := verdict{rest: stateview.Backoff, problem: problemOf(err), why: err}
	switch class := classOf(err, h.place); {
	case class == classConfig:
		v.rest = stateview.Failed
	case class == classAuth:
		v.rest = stateview.AuthRequired
	case cutOff:
		v.problem = networkGone
	case class == classNetwork:
	case up < h.settings.Healthy:
		if n, within := h.crash(time.Now()); n >= h.settings.CrashLoops {
			v.rest, v.problem, v.crashed = stateview.Failed, crashLoopProblem(n, within, v.problem), true
		}
	}
	if v.rest == stateview.Backoff {
		now, asked := time.Now(), retryAfter(err)
		v.retry = now.Add(h.delay(up, asked))
		if asked > 0 {
			v.notBefore = now.Add(asked)
		}
	}
	return v
}

// crash counts one, and returns how many happened within how long, if that is
// within CrashWithin. A server is not slower to crash because others are retried first.
func (h *health) crash(now time.Time) (n int, within time.Duration) {
	now = now.Add(-h.queued)
	h.crashes = append(h.crashes, now)
	h.crashes = slices.DeleteFunc(h.crashes, func(t time.Time) bool { return now.Sub(t) > h.settings.CrashWithin })
	return len(h.crashes), now.Sub(h.crashes[0])
}

// delay returns how long to wait after an attempt or session that failed. Only a
// healthy session makes earlier failures forgotten: a server that connects and dies
// is treated like one that does not connect. A remote server is given a moment in
// any case, unless it had been healthy, and the time that it asked for.
func (h *health) delay(up, asked time.Duration) time.Duration {
	s := h.settings
	healthy := up >= s.Healthy
	if healthy {
		h.failures = 0
	}
	ceiling, floor := s.ceiling(h.failures), asked
	h.failures++
	if h.place == remote && !healthy {
		floor = max(floor, s.RetryGap)
	}
	if d := jitter(ceiling); d > floor {
		return d
	}
	return floor + jitter(s.RetryMin) // many may have been given the same floor
}

// retryAfter returns how long the server asked to be left alone, 0 if it did not.
func retryAfter(err error) time.Duration {
	e, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err)
	if !ok || e.RetryAfter() == 0 {
		return 0
	}
	return min(max(e.RetryAfter(), minRetryAfter), maxRetryAfter)
}
