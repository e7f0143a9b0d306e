package supervisor

import (
	"cmp"
	"math/rand/v2"
	"time"
)

// Settings are the supervisor's delays and limits. A zero field means its default.
type Settings struct {
	RetryMin     time.Duration // ceiling of the delay before the first retry; default 500ms
	RetryMax     time.Duration // ceiling of every delay; default 30s
	Steady       time.Duration // a session that lasted so long is first retried within RetryMin; default 1s
	Healthy      time.Duration // a session that lasted so long makes earlier failures forgotten; default 60s
	StartTimeout time.Duration // for connecting and listing; default 30s
	RelistEvery  time.Duration // at most one new listing of a server's tools in this time; default 1s
	StartsAtOnce int           // how many servers may be starting at a time; default 64
}

func (s Settings) withDefaults() Settings {
	s.RetryMin = cmp.Or(s.RetryMin, 500*time.Millisecond)
	s.RetryMax = cmp.Or(s.RetryMax, 30*time.Second)
	s.Steady = cmp.Or(s.Steady, time.Second)
	s.Healthy = cmp.Or(s.Healthy, time.Minute)
	s.StartTimeout = cmp.Or(s.StartTimeout, 30*time.Second)
	s.RelistEvery = cmp.Or(s.RelistEvery, time.Second)
	s.StartsAtOnce = cmp.Or(s.StartsAtOnce, 64)
	return s
}

// ceiling returns the longest delay after so many failures in a row, the newest
// one not counted: RetryMin, doubled each time, up to RetryMax.
func (s Settings) ceiling(failures int) time.Duration {
	d := s.RetryMin
	for range failures {
		if d >= s.RetryMax/2 {
			return s.RetryMax
		}
		d *= 2
	}
	return min(d, s.RetryMax)
}

// jitter returns a delay anywhere up to the ceiling ("full jitter"), so that
// servers lost together do not come back together. It is never zero.
func jitter(ceiling time.Duration) time.Duration { return 1 + rand.N(ceiling) }

// A backoff counts failures of one server and says how long to wait.
type backoff struct {
	settings Settings
	failures int
}

// after returns the delay after an attempt or session that failed; up is how
// long it was connected. A long session is worth a quick retry, and a healthy
// one makes earlier failures forgotten; a server that connects and dies at once
// is treated like one that does not connect.
func (b *backoff) after(up time.Duration) time.Duration {
	if up >= b.settings.Healthy {
		b.failures = 0
	}
	ceiling := b.settings.ceiling(b.failures)
	if up >= b.settings.Steady {
		ceiling = b.settings.RetryMin
	} else {
		b.failures++
	}
	return jitter(ceiling)
}
