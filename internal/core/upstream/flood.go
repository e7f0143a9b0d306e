package upstream

import (
	"sync"
	"time"
)

// A flood bounds how fast we read what nobody asked for: notifications, text that is
// not MCP, stderr. A server may say much at once; what goes on and on is read no
// faster than floodRate, so that it is the server that waits and not the calls to
// others. It is per stream of a server. The zero value is ready.
type flood struct {
	mu    sync.Mutex // guards the fields below
	spent float64    // bytes beyond what the rate allowed so far
	at    time.Time  // when that was
}

const (
	floodBurst = 2 << 20                // bytes at once
	floodRate  = 1 << 20                // bytes a second after that
	floodStep  = 64 << 10               // bytes above that are read before a pause, which many short ones would cost more than
	floodPause = 100 * time.Millisecond // at most
)

// take notes n bytes and returns how long to wait before more is read.
func (f *flood) take(n int) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.spent = max(0, f.spent-now.Sub(f.at).Seconds()*floodRate)
	f.spent = min(f.spent+float64(n), floodBurst+floodRate) // one huge line does not count for minutes
	f.at = now
	over := f.spent - floodBurst
	if over < floodStep {
		return 0
	}
	return min(floodPause, time.Duration(over/floodRate*float64(time.Second)))
}

// hold waits before more is read of a stream of which n bytes were for nobody, but not
// once the wire or its process has ended.
func (w *wire) hold(f *flood, n int) {
	d := f.take(n)
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.gone:
	case <-w.life.Done():
	}
}
