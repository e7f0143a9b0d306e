package machine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A Kind is what happened.
type Kind uint8

// The kinds of events.
const (
	// Slept says that the machine is about to sleep. It is told only where the
	// system announces it, so Woke may come without it.
	Slept Kind = iota + 1

	// Woke says that the machine was asleep and is not any more. It is told once
	// for each sleep, whatever else notices it, and never because a clock was set.
	Woke

	// NetworkLost says that no interface leads anywhere but to this machine. Not
	// told where that cannot be known.
	NetworkLost

	// NetworkBack says that one does: told at the start, and after NetworkLost.
	NetworkBack

	// NetworkAdded says that a network is there that was not, such as a VPN beside
	// those there are, or another one in place of one that was gone for too short a
	// time to be told: what could not be reached before may be reached now.
	NetworkAdded
)

// String returns a word for the log.
func (k Kind) String() string {
	switch k {
	case Slept:
		return "slept"
	case Woke:
		return "woke"
	case NetworkLost:
		return "network lost"
	case NetworkBack:
		return "network back"
	case NetworkAdded:
		return "network added"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// An Event is something that happened to the machine.
type Event struct {
	Kind   Kind
	At     time.Time     // when it was noticed
	Asleep time.Duration // of Woke: how long the machine slept; 0 if it hardly did
}

// Options are what Watch may be given.
type Options struct {
	Logger *slog.Logger // nil discards
}

// Watch calls tell for each event until ctx is done, then it returns nil. The
// first event is the state of the network, where that can be known. What the
// system does not offer, such as a bus or netlink, is done without and looked for
// again from time to time. Watch waits while tell runs.
func Watch(ctx context.Context, o Options, tell func(Event)) error {
	log := cmp.Or(o.Logger, slog.New(slog.DiscardHandler)).With("component", "machine")
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	in := inputs{preparing: make(chan bool), clock: make(chan struct{}), network: make(chan Kind)}
	s := newSleeper(asleep)
	wg.Go(func() { watchSystem(ctx, log, in.preparing) })
	wg.Go(func() { watchClock(ctx, log, in.clock) })
	wg.Go(func() { watchNetwork(ctx, log, in.network) })
	in.join(ctx, s, tell)
	return nil
}

// inputs are what Watch hears from the system.
type inputs struct {
	preparing chan bool     // the system prepares for sleep, or is done with it
	clock     chan struct{} // the clocks may have moved apart
	network   chan Kind
}

// join makes events of what comes in, until ctx is done.
func (in inputs) join(ctx context.Context, s *sleeper, tell func(Event)) {
	for {
		var e Event
		select {
		case p := <-in.preparing:
			e = s.prepares(p)
		case <-in.clock:
			e = s.compare()
		case k := <-in.network:
			e = Event{Kind: k}
		case <-ctx.Done():
			return
		}
		if e.Kind != 0 {
			e.At = time.Now()
			tell(e)
		}
	}
}

// send sends v unless ctx is done first, and reports whether it did.
func send[T any](ctx context.Context, c chan<- T, v T) bool {
	select {
	case c <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
