package stateview

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAgeCountsFromTheNextSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New()
		var seqs []uint64
		var took []time.Duration
		v.OnPublish(func(s *ServerStatusSnapshot, d time.Duration) {
			if v.Snapshot() != s {
				t.Error("told of a snapshot that is not the current one")
			}
			seqs, took = append(seqs, s.Seq()), append(took, d)
		})
		first := v.Snapshot()
		time.Sleep(time.Second)
		if got := first.Age(); got != 0 {
			t.Errorf("the current snapshot's age is %v", got)
		}
		v.UpdateServer("a", func(st *ServerStatus) { time.Sleep(time.Millisecond); st.PID = 1 })
		v.UpdateServer("a", func(st *ServerStatus) { st.PID = 1 }) // nothing
		time.Sleep(time.Minute)
		v.UpdateServer("a", func(st *ServerStatus) { st.PID = 2 })
		time.Sleep(time.Second)
		if got, want := first.Age(), time.Minute+time.Second; got != want {
			t.Errorf("the first snapshot's age is %v, want %v: that of the second, not of the newest", got, want)
		}
		if len(seqs) != 2 || seqs[0] != 1 || seqs[1] != 2 || took[0] != time.Millisecond || took[1] != 0 {
			t.Errorf("told of %v, which took %v", seqs, took)
		}
	})
}

func TestUntimedViewHasNoAge(t *testing.T) {
	v := New()
	old := v.Snapshot()
	v.UpdateServer("a", func(st *ServerStatus) { st.PID = 1 })
	if got := old.Age(); got != 0 {
		t.Errorf("Age() = %v", got)
	}
}

// TestTimedUpdateAllocatesNoMore also for reads, of which nobody is told.
func TestTimedUpdateAllocatesNoMore(t *testing.T) {
	v := newView(serverNames(1000), 5)
	update := func() { v.UpdateServer("server-00005", func(st *ServerStatus) { st.PID++ }) }
	before := testing.AllocsPerRun(100, update)
	published := 0
	v.OnPublish(func(*ServerStatusSnapshot, time.Duration) { published++ })
	if after := testing.AllocsPerRun(100, update); after > before {
		t.Errorf("%v allocations, untimed %v", after, before)
	}
	if published == 0 {
		t.Error("nothing was published")
	}
	if got := testing.AllocsPerRun(100, func() { v.Snapshot() }); got != 0 {
		t.Errorf("Snapshot: %v allocations", got)
	}
}

// TestSizeIsTheMemory compares what Size adds up with what the heap grew by.
func TestSizeIsTheMemory(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	v := New()
	v.Update(func(b *Batch) {
		for _, name := range serverNames(500) {
			b.UpdateServer(name, func(st *ServerStatus) {
				tools := make([]Tool, 20)
				for i := range tools {
					tools[i] = Tool{Name: "tool", Definition: strings.Repeat("x", 400), Held: i < 3}
				}
				st.Tools = NewToolList(tools)
				st.SetOffer(Offer{Prompts: NewItemList([]Item{{Key: "p", Definition: strings.Repeat("y", 200)}})})
			})
		}
	})
	grown := heap() - before
	z := v.Snapshot().Size()
	if z.Tools != 10_000 || z.Held != 1500 {
		t.Errorf("%d tools, %d held, want 10000 and 1500", z.Tools, z.Held)
	}
	if z.Bytes < grown*8/10 || z.Bytes > grown*12/10 {
		t.Errorf("%d bytes, but the heap grew by %d", z.Bytes, grown)
	}
	runtime.KeepAlive(v)
}
