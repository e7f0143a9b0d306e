package supervisor

import (
	"cmp"
	"math/rand/v2"
	"time"
)

// Settings are the supervisor's delays and limits. A zero field means its default.
type Settings struct {
	StartTimeout time.Duration // for connecting and listing; default 30s
	RelistEvery  time.Duration // at most one new listing of a server's tools in this time; default 1s
	StartsAtOnce int           // how many servers may be starting at a time, one at an address for its first second only; default 64

	RetryMin  time.Duration // ceiling of the delay before the first retry; default 500ms
	RetryMax  time.Duration // ceiling of every delay; default 30s
	RetryGap  time.Duration // between two attempts of one server that a call or a change asks for, and of every remote one; default 1s
	Healthy   time.Duration // a session that lasted so long did not crash, and makes earlier failures forgotten; default 60s
	Retries   int           // how many processes that are retried may begin at a time; default 4
	RetryRate int           // how many retries of all servers may begin in a second, but for those spread over Stagger; default 10

	CrashLoops  int           // so many crashes, that is failed attempts or sessions that were not healthy, are a crash loop; default 5
	CrashWithin time.Duration // if they happen within this time; default 60s

	CallWait    time.Duration // for a server that is not connected when a request needs it; default 10s
	PingTimeout time.Duration // for a sign of life of a started server, three times; default 5s
	PeerEvery   time.Duration // between two signs of life of a server at an address; default 30s
	PeerTimeout time.Duration // for such a sign; a second try has half of it; default 8s
	Stagger     time.Duration // within which all servers are turned to after a wake-up or when the network is back; default 4s
}

func (s Settings) withDefaults() Settings {
	s.StartTimeout = cmp.Or(s.StartTimeout, 30*time.Second)
	s.RelistEvery = cmp.Or(s.RelistEvery, time.Second)
	s.StartsAtOnce = cmp.Or(s.StartsAtOnce, 64)
	s.RetryMin = cmp.Or(s.RetryMin, 500*time.Millisecond)
	s.RetryMax = cmp.Or(s.RetryMax, 30*time.Second)
	s.RetryGap = cmp.Or(s.RetryGap, time.Second)
	s.Healthy = cmp.Or(s.Healthy, time.Minute)
	s.Retries = cmp.Or(s.Retries, 4)
	s.RetryRate = cmp.Or(s.RetryRate, 10)
	s.CrashLoops = cmp.Or(s.CrashLoops, 5)
	s.CrashWithin = cmp.Or(s.CrashWithin, time.Minute)
	s.CallWait = cmp.Or(s.CallWait, 10*time.Second)
	s.PingTimeout = cmp.Or(s.PingTimeout, 5*time.Second)
	s.PeerEvery = cmp.Or(s.PeerEvery, 30*time.Second)
	s.PeerTimeout = cmp.Or(s.PeerTimeout, 8*time.Second)
	s.Stagger = cmp.Or(s.Stagger, 4*time.Second)
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
