package stateview

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchSkipsToNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		v := New()
		var seen []uint64
		var wg sync.WaitGroup
		wg.Go(func() {
			for s := range v.Watch(ctx) {
				seen = append(seen, s.Seq())
				time.Sleep(time.Second) // a slow reader
			}
		})
		synctest.Wait()
		for i := range 10 {
			v.UpdateServer("github", func(st *ServerStatus) { st.Attempt = i + 1 })
		}
		time.Sleep(3 * time.Second)
		cancel()
		wg.Wait()
		if want := []uint64{0, 10}; !slices.Equal(seen, want) {
			t.Errorf("seen = %v, want %v", seen, want)
		}
	})
}

func TestWatchEndsWithContext(t *testing.T) {
	v := newView([]string{"a"}, 0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range v.Watch(ctx) {
		n++
		v.UpdateServer("a", func(st *ServerStatus) { st.Attempt++ }) // there is always more to see
		if n == 3 {
			cancel()
		}
	}
	if n != 3 {
		t.Errorf("Watch yielded %d times, want 3", n)
	}
	for range v.Watch(ctx) {
		t.Error("Watch yielded with a context that is done")
	}
}

func TestWatchBodyMayWrite(t *testing.T) {
	v := New()
	for s := range v.Watch(t.Context()) {
		if s.Seq() == 5 {
			break
		}
		v.UpdateServer("a", func(st *ServerStatus) { st.Attempt++ })
	}
	if got := v.Snapshot().Seq(); got != 5 {
		t.Errorf("Seq = %d, want 5", got)
	}
}

func TestChanged(t *testing.T) {
	v := New()
	s := v.Snapshot()
	c := s.Changed()
	if s.Changed() != c {
		t.Error("Changed made two channels for one snapshot")
	}
	select {
	case <-c:
		t.Error("closed before anything changed")
	default:
	}
	v.UpdateServer("a", func(*ServerStatus) {})
	<-c
	<-s.Changed()
	v.UpdateServer("a", func(st *ServerStatus) { st.PID = 1 })
	<-s.Changed()
	v.UpdateServer("b", func(*ServerStatus) {})
	first := v.Snapshot()
	v.UpdateServer("b", func(st *ServerStatus) { st.PID = 1 })
	<-first.Changed() // first asked for when it is old already
}
