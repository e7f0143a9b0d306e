package metrics

import (
	"sync/atomic"

	"mcpproxy-tray/internal/stateview"
)

// A Consumer is a part of the program that reads snapshots.
type Consumer struct {
	name      string
	reads     counter
	skipped   counter
	following atomic.Int64
	delay     histogram // of those that follow
}

// Read says that a snapshot is read for a piece of work.
func (c *Consumer) Read() { c.reads.add(1) }

// Follow says that somebody follows the snapshots. took is to be called with each one
// that was worked on; acted says whether there was something to show or to say, and
// only then how old the one before had become is counted. left, which may be called
// once, says that nobody follows any more.
func (c *Consumer) Follow() (took func(s *stateview.Snapshot, acted bool), left func()) {
	c.following.Add(1)
	var last *stateview.Snapshot
	took = func(s *stateview.Snapshot, acted bool) {
		c.Read()
		if last != nil && s != last {
			c.skipped.add(s.Seq() - last.Seq() - 1)
			if acted {
				c.delay.observe(last.Age())
			}
		}
		last = s
	}
	return took, func() { c.following.Add(-1) }
}
