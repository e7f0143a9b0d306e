package supervisor

import (
	"time"
)

// What happens to the machine concerns many servers at once. The control loop
// tells their runners; each of them turns to its server at a moment of its own.

// orderAll gives an order to the runners of all servers at a place or beyond.
func (l *loop) orderAll(k order, from place) {
	for _, s := range l.servers {
		if s.place >= from {
			s.give(k)
		}
	}
}

// networkTurned tells remote servers. That it is back all others learn too, as a
// process may need it for what it does.
func (l *loop) networkTurned(up bool) {
	l.offline.Store(!up)
	if up {
		l.orderAll(turned, child)
	} else {
		l.orderAll(turned, remote)
	}
}

// beats returns the one timer by which all peers are asked for a sign of life.
// It runs only while there are any.
func (l *loop) beats() <-chan time.Time {
	switch {
	case l.peers > 0 && l.beat == nil:
		l.beat = time.NewTicker(l.settings.PeerEvery)
	case l.peers == 0 && l.beat != nil:
		l.beat.Stop()
		l.beat = nil
	}
	if l.beat == nil {
		return nil
	}
	return l.beat.C
}

// askPeers has all connected peers asked for a sign of life, but those that gave
// one just now. A longer silence than that cannot be allowed: a connection that is
// cut right after the beat is found PeerEvery and one and a half PeerTimeout later.
// One that works on a request may have no hand free to answer a ping: there the
// system finds a dead connection, by what was sent and not acknowledged.
func (l *loop) askPeers() {
	for _, s := range l.servers {
		if s.place != child && s.session != nil && !s.session.works() && s.session.silent() > l.settings.PeerEvery/10 {
			s.give(beat)
		}
	}
}
