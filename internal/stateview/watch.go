package stateview

import (
	"context"
	"iter"
)

// closed is the channel of every snapshot that is no longer the current one.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Changed returns a channel that is closed once a newer snapshot is current.
// There is nothing to unsubscribe.
func (s *ServerStatusSnapshot) Changed() <-chan struct{} {
	if c := s.changed.Load(); c != nil {
		return *c
	}
	// Made by whoever waits first, so that a snapshot nobody waits on costs nothing.
	c := make(chan struct{})
	if s.changed.CompareAndSwap(nil, &c) {
		return c
	}
	return *s.changed.Load()
}

// expire wakes everybody who waits for a successor of s. The successor must be
// current already.
func (s *ServerStatusSnapshot) expire() {
	if c := s.changed.Swap(&closed); c != nil {
		close(*c)
	}
}

// Watch yields the current snapshot at once, then the newest one after each
// change, until ctx is done. A slow reader skips snapshots but never goes back;
// a gap in Seq tells that it skipped.
func (v *View) Watch(ctx context.Context) iter.Seq[*ServerStatusSnapshot] {
	return func(yield func(*ServerStatusSnapshot) bool) {
		for ctx.Err() == nil {
			s := v.Snapshot()
			if !yield(s) {
				return
			}
			select {
			case <-s.Changed():
			case <-ctx.Done():
			}
		}
	}
}
