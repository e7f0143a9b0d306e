package stateview

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// A witness remembers every snapshot it saw and what it said then.
type witness struct {
	mu   sync.Mutex
	seen map[*Snapshot]uint64 // guarded by mu
}

func (w *witness) see(s *Snapshot) {
	w.mu.Lock()
	_, known := w.seen[s]
	w.mu.Unlock()
	if known {
		return
	}
	sum := fingerprint(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.seen[s]; ok && old != sum {
		panic("two readers saw the same snapshot differently")
	}
	w.seen[s] = sum
}

func (w *witness) check(t *testing.T) {
	t.Helper()
	for s, sum := range w.seen {
		checkSnapshot(t, s)
		if fingerprint(s) != sum {
			t.Errorf("snapshot %d changed after it was published", s.Seq())
		}
	}
}

func TestReadersBesideWriters(t *testing.T) {
	tests := []struct{ readers, reads, writers, updates, servers int }{
		{50, 100, 5, 20, 10},
		{50, 400, 8, 100, 300},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d readers %d writers", tt.readers, tt.writers), func(t *testing.T) {
			names := serverNames(tt.servers)
			v := newView(names, 3)
			w := witness{seen: map[*Snapshot]uint64{}}
			var wg sync.WaitGroup
			for i := range tt.readers {
				wg.Go(func() { readAll(t, v, &w, names[i%len(names)], tt.reads) })
			}
			for i := range tt.writers {
				wg.Go(func() {
					for n := range tt.updates {
						writeSome(v, names, i, n)
					}
				})
			}
			wg.Wait()
			w.see(v.Snapshot())
			w.check(t)
			total := 0
			for st := range v.Snapshot().Servers() {
				total += st.Attempt
			}
			if want := tt.writers * tt.updates; total != want {
				t.Errorf("%d updates arrived, want %d", total, want)
			}
		})
	}
}

// readAll reads the view in every way and checks that it never goes back.
func readAll(t *testing.T, v *View, w *witness, name string, reads int) {
	ref := v.Ref(name)
	var seq, version uint64
	for i := range reads {
		s := v.Snapshot()
		st, ok := s.GetServer(name)
		if !ok || s.Seq() < seq || st.Version < version {
			t.Errorf("%s: %v, Seq %d after %d, Version %d after %d", name, ok, s.Seq(), seq, st.Version, version)
			return
		}
		seq, version = s.Seq(), st.Version
		if ref.Version(s) != st.Version || ref.State(s) != st.State || ref.Tools(s) != st.Tools {
			t.Errorf("%s: Ref and GetServer differ in snapshot %d", name, s.Seq())
		}
		sum := 0
		for state := range NumStates {
			sum += s.CountByState(State(state))
		}
		if sum != s.Count() {
			t.Errorf("snapshot %d: the states' counts make %d, Count %d", s.Seq(), sum, s.Count())
		}
		if now, ok := v.GetServer(name); !ok || now.Version < version {
			t.Errorf("%s: View.GetServer went back to version %d", name, now.Version)
		}
		if i%20 == 0 {
			w.see(s)
		}
	}
}

// writeSome makes one counted update, and now and then changes the names.
func writeSome(v *View, names []string, writer, n int) {
	v.UpdateServer(names[(writer*31+n)%len(names)], func(st *ServerStatus) {
		st.Attempt++
		st.State = State(n % NumStates)
	})
	extra := fmt.Sprintf("server-%05d-%d", n%len(names), writer)
	switch n % 10 {
	case 3:
		v.UpdateServer(extra, func(st *ServerStatus) { st.Tools = NewToolList(someTools(extra, 2)) })
	case 6:
		v.Update(func(b *Batch) {
			b.UpdateServer(names[0], func(st *ServerStatus) { st.PID++ })
			b.RemoveServer(extra)
		})
	}
}

// TestAgainstPlainMap does the same random writes to a view and to a map, and
// compares them; Diff, applied to the state before, must give the state after.
func TestAgainstPlainMap(t *testing.T) {
	for trial := range 6 {
		r := rand.New(rand.NewPCG(7, uint64(trial)))
		m := model{v: New(), want: map[string]ServerStatus{}}
		start := m.v.Snapshot()
		older, olderWant := start, map[string]ServerStatus{}
		refs := map[string]*Ref{}
		for range 100 {
			before, was := m.v.Snapshot(), maps.Clone(m.want)
			m.step(r)
			after := m.v.Snapshot()
			checkSnapshot(t, after)
			checkModel(t, after, m.want)
			checkDiff(t, before, after, was)
			checkDiff(t, older, after, olderWant)
			checkDiff(t, after, older, m.want)
			name := someName(r)
			if refs[name] == nil {
				ref := m.v.Ref(name)
				refs[name] = &ref
			}
			for _, s := range []*Snapshot{after, older, after} {
				want, ok := s.GetServer(name)
				ref := refs[name]
				got, found := ref.Status(s)
				if !got.Equal(&want) || found != ok || ref.Version(s) != want.Version || ref.State(s) != want.State {
					t.Fatalf("Ref(%q) in snapshot %d = %+v, %v, want %+v, %v", name, s.Seq(), got, found, want, ok)
				}
			}
			if r.IntN(20) == 0 {
				older, olderWant = after, maps.Clone(m.want)
			}
		}
		checkDiff(t, nil, m.v.Snapshot(), nil)
		checkDiff(t, start, m.v.Snapshot(), nil)
	}
}

// A model is a view and a plain map that should say the same.
type model struct {
	v    *View
	want map[string]ServerStatus
}

func someName(r *rand.Rand) string { return fmt.Sprintf("s%d", r.IntN(200)) }

// step writes at random to both.
func (m *model) step(r *rand.Rand) {
	seq := m.v.Snapshot().Seq() + 1
	published := m.v.Snapshot()
	was := maps.Clone(m.want)
	set := func(name string, state State) func(*ServerStatus) {
		st := m.want[name]
		st.Name, st.State = name, state
		m.want[name] = st
		return func(st *ServerStatus) { st.State = state }
	}
	switch r.IntN(4) {
	case 0:
		name := someName(r)
		m.v.UpdateServer(name, set(name, State(r.IntN(NumStates))))
	case 1:
		name := someName(r)
		delete(m.want, name)
		m.v.RemoveServer(name)
	default:
		m.v.Update(func(b *Batch) {
			for range r.IntN(60) {
				name := someName(r)
				if r.IntN(3) == 0 {
					delete(m.want, name)
					b.RemoveServer(name)
				} else {
					b.UpdateServer(name, set(name, State(r.IntN(NumStates))))
				}
			}
		})
	}
	for name, st := range m.want { // what differs from before has the new version
		if old, ok := was[name]; ok && old.State == st.State {
			st.Version = old.Version
		} else {
			st.Version = seq
		}
		m.want[name] = st
	}
	if maps.EqualFunc(was, m.want, equal) != (m.v.Snapshot() == published) {
		panic("published without a change, or changed without publishing")
	}
}

func checkModel(t *testing.T, s *Snapshot, want map[string]ServerStatus) {
	t.Helper()
	names := slices.Sorted(maps.Keys(want))
	got := s.GetAll()
	if len(got) != len(names) {
		t.Fatalf("snapshot %d has %d servers, want %d", s.Seq(), len(got), len(names))
	}
	for i, name := range names {
		if w := want[name]; !got[i].Equal(&w) {
			t.Fatalf("snapshot %d: server %d = %+v, want %+v", s.Seq(), i, got[i], want[name])
		}
	}
}

// checkDiff applies Diff(from, to) to what from says and compares with to.
func checkDiff(t *testing.T, from, to *Snapshot, was map[string]ServerStatus) {
	t.Helper()
	have, last := maps.Clone(was), ""
	if have == nil {
		have = map[string]ServerStatus{}
	}
	for _, c := range Diff(from, to) {
		before, ok := have[c.Name]
		if c.Name <= last || ok == c.Added || !before.Equal(&c.Before) || c.Added && c.Removed || c.Before.Equal(&c.After) {
			t.Fatalf("change %+v after %q does not fit %+v, %v", c, last, before, ok)
		}
		last = c.Name
		have[c.Name] = c.After
		if c.Removed {
			delete(have, c.Name)
		}
	}
	checkModel(t, to, have)
}

func TestWatchersAllSeeTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				var last uint64
				for s := range v.Watch(t.Context()) {
					if s.Seq() < last || s.Seq() == last && last > 0 {
						t.Errorf("Seq %d after %d", s.Seq(), last)
					}
					if last = s.Seq(); last == 500 {
						return
					}
				}
			})
		}
		for range 5 {
			wg.Go(func() {
				for range 100 {
					v.UpdateServer("a", func(st *ServerStatus) { st.Attempt++ })
				}
			})
		}
		wg.Wait() // a watcher that missed the last snapshot would deadlock the bubble
	})
}
