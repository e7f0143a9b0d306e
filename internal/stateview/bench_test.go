package stateview

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Run with:  go test -run ^$ -bench . ./internal/stateview
//
// Each benchmark measures this package beside the earlier design ("ref-design")
// and, where it makes sense, a bare map. What takes about a nanosecond is done
// 1,000 times an op and reported as ns/read, so that b.Loop's own cost does not show.

const reads = 1000

// sink keeps the compiler from dropping what is measured.
var sink int

// each runs fn for views of 10 to 10,000 servers with 50 tools each.
func each(b *testing.B, fn func(b *testing.B, v *View, ref *referenceView, names []string)) {
	for _, n := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("servers=%d", n), func(b *testing.B) {
			names := serverNames(n)
			v := newView(names, 50)
			fn(b, v, newReferenceView(v.Snapshot()), names)
		})
	}
}

// run measures fn as a sub-benchmark.
func run(b *testing.B, name string, fn func()) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fn()
		}
	})
}

// runReads measures fn, which reads 1,000 times.
func runReads(b *testing.B, name string, fn func()) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fn()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/reads, "ns/read")
	})
}

// A contender reads 1,000 times.
type contender struct {
	name string
	fn   func()
}

// runInTurns measures functions that differ by a few nanoseconds a read: what
// else the machine does hits all alike. It reports the median of each; an op is a
// turn of all.
func runInTurns(b *testing.B, name string, cs ...contender) {
	b.Run(name, func(b *testing.B) {
		times := make([][]time.Duration, len(cs))
		for b.Loop() {
			for i, c := range cs {
				start := time.Now()
				c.fn()
				times[i] = append(times[i], time.Since(start))
			}
		}
		for i, c := range cs {
			slices.Sort(times[i])
			b.ReportMetric(float64(times[i][len(times[i])/2])/reads, c.name+"-ns/read")
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	each(b, func(b *testing.B, v *View, ref *referenceView, _ []string) {
		runReads(b, "ours", func() {
			var n uint64
			for range reads {
				n += v.Snapshot().seq
			}
			sink += int(n)
		})
		runReads(b, "ref-design", func() {
			n := 0
			for range reads {
				n += len(ref.snapshot())
			}
			sink += n
		})
	})
}

// BenchmarkGetServer has each read one field of what it finds; ours and
// map-of-values hand out the whole status.
func BenchmarkGetServer(b *testing.B) {
	each(b, func(b *testing.B, v *View, ref *referenceView, names []string) {
		pointers, values := ref.snapshot(), map[string]ServerStatus{}
		for st := range v.Snapshot().Servers() {
			values[st.Name] = st
		}
		for _, kind := range []string{"hot", "rotating"} {
			keys, at := names, 0
			if kind == "hot" {
				keys = names[len(names)/2:][:1]
			}
			next := func() string {
				if at++; at >= len(keys) {
					at = 0
				}
				return keys[at]
			}
			runInTurns(b, kind, contender{"ours", func() {
				for range reads {
					st, _ := v.GetServer(next())
					sink += int(st.PID)
				}
			}}, contender{"ref-design", func() {
				for range reads {
					sink += int(ref.snapshot()[next()].PID)
				}
			}}, contender{"map-of-pointers", func() {
				for range reads {
					sink += int(pointers[next()].PID)
				}
			}}, contender{"map-of-values", func() {
				for range reads {
					st, _ := values[next()]
					sink += int(st.PID)
				}
			}})
		}
	})
}

func BenchmarkRef(b *testing.B) {
	each(b, func(b *testing.B, v *View, _ *referenceView, names []string) {
		ref, s := v.Ref(names[len(names)/2]), v.Snapshot()
		runReads(b, "held-snapshot", func() {
			n := 0
			for range reads {
				n += int(ref.State(s))
			}
			sink += n
		})
		runReads(b, "current-snapshot", func() {
			n := 0
			for range reads {
				n += int(ref.State(v.Snapshot()))
			}
			sink += n
		})
	})
}

func BenchmarkGetAll(b *testing.B) {
	each(b, func(b *testing.B, v *View, ref *referenceView, _ []string) {
		run(b, "ours", func() { sink += len(v.GetAll()) })
		run(b, "ours-Servers", func() {
			for st := range v.Snapshot().Servers() {
				sink += int(st.PID)
			}
		})
		run(b, "ref-design", func() { sink += len(ref.getAll()) })
	})
}

func BenchmarkUpdateServer(b *testing.B) {
	each(b, func(b *testing.B, v *View, ref *referenceView, names []string) {
		name := names[len(names)/2]
		run(b, "ours", func() { v.UpdateServer(name, func(st *ServerStatus) { st.PID++ }) })
		run(b, "ours-no-op", func() { v.UpdateServer(name, func(*ServerStatus) {}) })
		run(b, "ref-design", func() { ref.update(name, func(st *ServerStatus) { st.PID++ }) })
	})
}

func BenchmarkConcurrentReads(b *testing.B) {
	each(b, func(b *testing.B, v *View, ref *referenceView, names []string) {
		parallel(b, "ours", func(i int) int {
			st, _ := v.GetServer(names[i%len(names)])
			return int(st.PID)
		})
		parallel(b, "ref-design", func(i int) int { return int(ref.snapshot()[names[i%len(names)]].PID) })
	})
}

func BenchmarkConcurrentWrites(b *testing.B) {
	each(b, func(b *testing.B, v *View, ref *referenceView, names []string) {
		inc := func(st *ServerStatus) { st.PID++ }
		parallel(b, "ours", func(i int) int {
			v.UpdateServer(names[i%len(names)], inc)
			return i
		})
		parallel(b, "ref-design", func(i int) int {
			ref.update(names[i%len(names)], inc)
			return i
		})
	})
}

func parallel(b *testing.B, name string, fn func(i int) int) {
	b.Run(name, func(b *testing.B) {
		var total atomic.Int64
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			sum := 0
			for i := 0; pb.Next(); i++ {
				sum += fn(i)
			}
			total.Add(int64(sum))
		})
	})
}

// BenchmarkPublish has subscribers that took the first snapshot and its channel,
// and read nothing more ("stuck"), or that read all the time ("busy").
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 100, 1000} {
		b.Run(fmt.Sprintf("watchers=%d/stuck", n), func(b *testing.B) {
			v := newView(serverNames(100), 0)
			release := stuckWatchers(b, v, n)
			b.ReportAllocs()
			for b.Loop() {
				v.UpdateServer("server-00050", func(st *ServerStatus) { st.PID++ })
			}
			release()
		})
	}
	b.Run("watchers=100/busy", func(b *testing.B) {
		v := newView(serverNames(100), 0)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				for s := range v.Watch(b.Context()) {
					if st, _ := s.GetServer("server-00050"); st.State == Stopping {
						return
					}
				}
			})
		}
		b.ReportAllocs()
		for b.Loop() {
			v.UpdateServer("server-00050", func(st *ServerStatus) { st.PID++ })
		}
		v.UpdateServer("server-00050", func(st *ServerStatus) { st.State = Stopping })
		wg.Wait()
	})
}

// stuckWatchers starts n watchers that never ask for a second snapshot, and
// returns when all have the first; release ends them.
func stuckWatchers(tb testing.TB, v *View, n int) (release func()) {
	stop := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			for s := range v.Watch(tb.Context()) {
				s.Changed()
				ready.Done()
				<-stop
				return
			}
		})
	}
	ready.Wait()
	return func() { close(stop); done.Wait() }
}
