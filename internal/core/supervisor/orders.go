package supervisor

import "sync/atomic"

// An order is what the control loop tells a runner, as a set of bits.
type order uint32

const (
	needed order = 1 << iota // a request needs the server
	beat                     // see whether its session still answers
	woken                    // the machine was asleep
	turned                   // the network went or came; which of them, loop.offline says
	added                    // the machine has one network more
)

func (k order) has(any order) bool { return k&any != 0 }

// orders is how orders reach one runner: a signal, and what was ordered since it
// was last looked at. What was ordered twice is done once.
type orders struct {
	signal chan struct{} // one slot
	bits   atomic.Uint32
}

func newOrders() *orders { return &orders{signal: make(chan struct{}, 1)} }

func (o *orders) give(k order) {
	o.bits.Or(uint32(k))
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

func (o *orders) take() order { return order(o.bits.Swap(0)) }
