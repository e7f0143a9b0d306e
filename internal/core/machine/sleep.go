package machine

import (
	"context"
	"time"
)

const (
	minSleep  = 5 * time.Second // less is noise between two readings, and no connection breaks of it
	slowCheck = time.Minute     // between two looks at the clocks where nothing says when to look
)

// A sleeper tells from two witnesses, the system's announcements and the clocks,
// when the machine slept. Whichever comes first after a sleep is believed; the
// other then adds nothing.
type sleeper struct {
	asleep   func() time.Duration // what asleep returns
	seen     time.Duration        // as much of that as was told, or was too short to tell
	sleeping bool                 // Slept was told, and no Woke after it
}

func newSleeper(asleep func() time.Duration) *sleeper {
	return &sleeper{asleep: asleep, seen: asleep()}
}

// prepares is told that the system prepares for sleep, or that it is done with it
// or does not announce anything any more. It returns the zero Event for no news.
func (s *sleeper) prepares(sleep bool) Event {
	switch {
	case sleep && !s.sleeping:
		s.sleeping, s.seen = true, s.asleep()
		return Event{Kind: Slept}
	case !sleep && s.sleeping:
		return s.woke(s.asleep())
	}
	return s.compare()
}

// compare looks at the clocks. It returns the zero Event for no news.
func (s *sleeper) compare() Event {
	if total := s.asleep(); total-s.seen > minSleep {
		return s.woke(total)
	}
	return Event{}
}

func (s *sleeper) woke(total time.Duration) Event {
	e := Event{Kind: Woke, Asleep: total - s.seen}
	s.sleeping, s.seen = false, total
	return e
}

// checkSlowly has the clocks compared every minute, which is when a wake-up is
// noticed at the latest. It is for systems that do not say when to look: Windows,
// macOS, and a Linux without the timer of watchClock. A minute is long enough to
// cost nothing and shorter than anybody waits for a server.
func checkSlowly(ctx context.Context, moved chan<- struct{}) {
	t := time.NewTicker(slowCheck)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if !send(ctx, moved, struct{}{}) {
			return
		}
	}
}
