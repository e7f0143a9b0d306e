package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A model plays random commands and faults against a supervisor and knows what
// must be true at each moment and in the end.
type model struct {
	*rig
	rng   *rand.Rand
	cfg   *config.Config
	calls sync.WaitGroup
	made  int         // calls so far
	turns []time.Time // when the machine woke, or had its network back
	mu    sync.Mutex  // guards open
	open  bool        // the gate is off, or was a moment ago
}

const modelServers = 6

func (m *model) entry(i int) config.Server {
	s := stdio(fmt.Sprint(i))
	s.Args = []string{fmt.Sprint(m.rng.IntN(3))}
	if i%2 == 1 {
		s = config.Server{Name: s.Name, URL: "https://example.org/" + s.Args[0], Transport: "http"}
	}
	s.Disabled = m.rng.IntN(4) == 0
	if m.rng.IntN(10) == 0 {
		s = config.Server{Name: s.Name, Err: &config.Error{Text: "It is wrong."}}
	}
	return s
}

// fault returns how a session or an attempt may fail.
func (m *model) fault() error {
	class := []string{"config", "auth", "network", "exit", "protocol"}[m.rng.IntN(5)]
	return &classError{class: class, after: time.Duration(max(0, m.rng.IntN(40)-20)) * time.Second}
}

func (m *model) behaviour() fakeServer {
	b := fakeServer{
		start: time.Duration(m.rng.IntN(3)) * time.Second, list: time.Duration(m.rng.IntN(2)) * time.Second,
		stop: time.Duration(m.rng.IntN(3)) * time.Second, tools: tools("x"), hangs: m.rng.IntN(3) == 0,
	}
	switch m.rng.IntN(11) {
	case 0:
		b.start = time.Hour
	case 1, 2:
		b.err = m.fault()
	case 3:
		b.listErr = errKilled
	case 4:
		b.life = time.Duration(1+m.rng.IntN(100)) * time.Second
	case 5:
		b.deaf = true
	case 6:
		b.deaf, b.mute = true, true
	case 7:
		b.pingErr = m.fault()
	}
	return b
}

func (m *model) reconfigure() {
	cfg := &config.Config{Quarantine: m.rng.IntN(5) > 0}
	for i := range modelServers {
		switch old, ok := m.cfg.Server(fmt.Sprint(i)); {
		case m.rng.IntN(6) == 0: // gone
		case ok && m.rng.IntN(2) == 0:
			cfg.Servers = append(cfg.Servers, old)
		default:
			cfg.Servers = append(cfg.Servers, m.entry(i))
		}
	}
	m.mu.Lock()
	m.open = m.open || !cfg.Quarantine // what was queued before may still start
	m.mu.Unlock()
	m.cfg = cfg
	m.Apply(cfg)
	if cfg.Quarantine {
		synctest.Wait()
		m.mu.Lock()
		m.open = false
		m.mu.Unlock()
	}
}

// allowed is called for each connect: its launch must have been approved.
func (m *model) allowed(srv config.Server) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := approval.Fingerprint(launchOf(srv)); !m.open && !m.mem.has(approval.Record{Server: srv.Name, LaunchID: id}) {
		return fmt.Errorf("server %q was contacted without approval", srv.Name)
	}
	return nil
}

// request makes a call, which must be answered once and in time, and sent at most once.
func (m *model) request(name string) {
	m.made++
	id := fmt.Sprintf("{%d}", m.made)
	limit := time.Duration(1+m.rng.IntN(20_000)) * time.Millisecond
	m.calls.Go(func() {
		ctx, cancel := context.WithTimeout(m.t.Context(), limit)
		defer cancel()
		begin := time.Now()
		result, _, err := m.Request(ctx, name, call.Request{Method: "x", Params: []byte(id)})
		if took := time.Since(begin); took > limit {
			m.t.Errorf("a call with %v was answered after %v", limit, took)
		}
		sent := m.fake.counted(m.fake.sent, id)
		_, unsent := errors.AsType[*StateError](err)
		switch {
		case err == nil && (string(result) != "x"+id || sent != 1), sent > 1, unsent && sent > 0:
			m.t.Errorf("call %s was sent %d times: %s, %v", id, sent, result, err)
		}
	})
}

func (m *model) step() {
	name := fmt.Sprint(m.rng.IntN(modelServers))
	st, _ := m.StateView().GetServer(name)
	switch m.rng.IntN(14) {
	case 0:
		m.reconfigure()
	case 1, 2:
		_ = m.Approve(m.t.Context(), name, st.Launch().ID)
	case 3:
		_ = m.Approve(m.t.Context(), name, "v1:stale")
	case 4:
		_ = m.Restart(m.t.Context(), name)
	case 5:
		if s := m.fake.session(name); s != nil {
			s.kill([]error{errKilled, nil, m.fault()}[m.rng.IntN(3)])
		}
	case 6, 7:
		m.fake.set(name, m.behaviour())
	case 8:
		if s := m.fake.session(name); s != nil {
			s.change()
		}
	case 9, 10:
		m.request(name)
	case 11:
		m.turn(func() { m.Network(m.rng.IntN(2) == 0) })
	case 12:
		m.turn(m.Woke)
	case 13:
		m.fake.change(name)
	}
	if m.rng.IntN(2) == 0 {
		time.Sleep(time.Duration(m.rng.Int64N(int64(3 * time.Second))))
	}
}

// turn does something after which servers are tried again.
func (m *model) turn(f func()) {
	m.turns = append(m.turns, time.Now())
	f()
}

// spread reports whether a retry of a server at an address may be due to a turn.
// Those with processes have even numbers.
func (m *model) spread(tr Transition) bool {
	return (tr.Server[0]-'0')%2 == 1 && slices.ContainsFunc(m.turns, func(at time.Time) bool {
		after := tr.At.Sub(at)
		return after >= 0 && after <= m.settings.Stagger+time.Millisecond
	})
}

// converged checks that with healthy servers, a network and everything approved,
// what is is what is wanted.
func (m *model) converged() {
	m.turn(func() { m.Network(true) })
	for i := range modelServers {
		m.fake.set(fmt.Sprint(i), fakeServer{tools: tools("x", "y")})
	}
	time.Sleep(2 * time.Minute) // what hangs has timed out, what died has been tried again
	m.calls.Wait()
	synctest.Wait()
	for st := range m.StateView().Snapshot().Servers() {
		if st.State == stateview.Backoff || st.State == stateview.Connecting {
			m.t.Errorf("server %q is not healed: %v, %+v", st.Name, st.State, st.Problem())
		}
	}
	for _, srv := range m.cfg.Servers {
		_ = m.Restart(m.t.Context(), srv.Name) // the old sessions have the old tools, some are parked
		if st := m.status(srv.Name); st.State == stateview.Quarantined {
			if err := m.Approve(m.t.Context(), srv.Name, st.Launch().ID); err != nil {
				m.t.Error(err)
			}
		}
	}
	time.Sleep(10 * time.Second)
	synctest.Wait()
	if n := m.StateView().Count(); n != len(m.cfg.Servers) {
		m.t.Errorf("%d servers in the view, want %d", n, len(m.cfg.Servers))
	}
	for _, srv := range m.cfg.Servers {
		want := stateview.Connected
		switch {
		case srv.Disabled:
			want = stateview.Disabled
		case srv.Err != nil:
			want = stateview.Failed
		}
		st := m.want(srv.Name, want)
		if want == stateview.Connected && st.Tools.Len() != 2 {
			m.t.Errorf("server %q has %d tools", srv.Name, st.Tools.Len())
		}
		if s := m.fake.session(srv.Name); want == stateview.Connected && !s.srv.Equal(srv) {
			m.t.Errorf("server %q runs an old entry", srv.Name)
		}
	}
}

func TestRandomHistories(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	states := [stateview.NumStates]int{}
	for i := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rate := 2 + int(i%9) // small ones are reached by few servers
			m := &model{rig: run(t, Settings{RetryRate: rate}), rng: rand.New(rand.NewPCG(seed, i)), cfg: &config.Config{}}
			m.fake.allowed = m.allowed
			transitions := m.Subscribe(t.Context())
			for range 200 {
				m.step()
			}
			m.converged()
			m.stop()
			last := map[string]stateview.State{}
			var retries []time.Time // the newest ones
			for tr := range transitions {
				// A server that was removed and came back begins in Disabled again.
				if from, ok := last[tr.Server]; ok && from != tr.From && tr.From != stateview.Disabled || !mayFollow(tr.From, tr.To) {
					t.Errorf("%+v after %v", tr, from)
				}
				last[tr.Server] = tr.To
				states[tr.To]++
				if tr.From == stateview.Backoff && tr.To == stateview.Connecting && !m.spread(tr) {
					if retries = append(retries, tr.At); len(retries) > rate && tr.At.Sub(retries[len(retries)-1-rate]) < time.Second-time.Duration(rate) {
						t.Errorf("more than %d retries in a second", rate)
					}
				}
			}
		})
		if t.Failed() {
			t.Fatalf("history %d", i)
		}
	}
	for s, n := range states {
		if n == 0 {
			t.Errorf("no server was ever %v", stateview.State(s))
		}
	}
	t.Logf("transitions to each state: %v", states)
}

// goroutines returns how many there are, when those that are just ending have ended.
func goroutines(most int) int {
	for range 2_000_000 { // a second or so: a bubble has no other time that passes
		if runtime.NumGoroutine() <= most {
			break
		}
		runtime.Gosched()
	}
	return runtime.NumGoroutine()
}

// TestFlappingLeavesNothingBehind lets 1,000 fake servers flap for ten minutes of the bubble's time.
func TestFlappingLeavesNothingBehind(t *testing.T) {
	begin := time.Now()
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		r := run(t, Settings{RetryRate: 1000, Retries: 64}) // the limiter would spare them most of it
		rng := rand.New(rand.NewPCG(1, 2))
		var servers []config.Server
		for i := range 1_000 / lighter {
			s := stdio(fmt.Sprint(i))
			r.fake.set(s.Name, fakeServer{start: time.Duration(rng.Int64N(int64(time.Second))), life: 10*time.Second + time.Duration(rng.Int64N(int64(time.Minute)))})
			servers = append(servers, s)
		}
		r.apply(false, servers...)
		time.Sleep(10 * time.Minute)
		connects := 0
		for _, s := range servers {
			connects += r.fake.count(s.Name)
		}
		r.stop()
		synctest.Wait()
		if after := goroutines(before); after > before {
			t.Errorf("%d goroutines before, %d after", before, after)
		}
		if connects < 10_000/lighter {
			t.Errorf("only %d sessions", connects)
		}
		t.Logf("%d sessions, %d snapshots", connects, r.StateView().Snapshot().Seq())
	})
	t.Logf("took %v", time.Since(begin))
}

// TestFlapsCostNothing has 100 servers flap 10,000 times; the memory in use and the
// goroutines are what they were.
func TestFlapsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{RetryRate: 1000, Retries: 64})
		defer r.stop()
		var servers []config.Server
		for i := range 100 / lighter {
			s := stdio(fmt.Sprint(i))
			if i%2 == 0 {
				s = web(s.Name)
			}
			r.fake.set(s.Name, fakeServer{life: 61 * time.Second, tools: tools("x", "y")})
			servers = append(servers, s)
		}
		r.apply(false, servers...)
		measure := func() (heap uint64, count, flaps int) {
			time.Sleep(30 * time.Second)
			synctest.Wait()
			r.fake.mu.Lock()
			flaps = len(r.fake.tries)
			r.fake.tries = nil
			r.fake.mu.Unlock()
			for range 3 {
				runtime.GC()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, runtime.NumGoroutine(), flaps
		}
		time.Sleep(5 * time.Minute)
		heap, before, _ := measure()
		time.Sleep(105 * time.Minute)
		heapAfter, after, flaps := measure()
		if flaps < 10_000/lighter {
			t.Errorf("only %d flaps", flaps)
		}
		// A server that is just between two sessions has none of its goroutines.
		if after > before+20 {
			t.Errorf("%d goroutines before, %d after", before, after)
		}
		if heapAfter > heap+heap/10 {
			t.Errorf("%d bytes in use before, %d after", heap, heapAfter)
		}
		t.Logf("%d flaps: %d → %d bytes in use, %d → %d goroutines", flaps, heap, heapAfter, before, after)
	})
}

// BenchmarkKilledToPublished measures, in real time, from the end of a session
// to the snapshot that says so.
func BenchmarkKilledToPublished(b *testing.B) {
	fake := newFake()
	s := New(Options{Connector: fake, Settings: Settings{RetryMin: 4 * time.Millisecond, RetryMax: 4 * time.Millisecond, CrashLoops: 1 << 30, RetryRate: 1000}})
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	s.Apply(&config.Config{Servers: []config.Server{stdio("a")}})
	version := uint64(0) // of the newest status seen: a watcher may skip a state, but never the newest one
	until := func(up bool) {
		for sn := range s.StateView().Watch(ctx) {
			st, _ := sn.GetServer("a")
			if up && st.State == stateview.Connected || !up && st.Version > version {
				version = st.Version
				return
			}
		}
	}
	var took []time.Duration
	for b.Loop() {
		until(true)
		begin := time.Now()
		fake.session("a").kill(errKilled)
		until(false)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	cancel()
	wg.Wait()
}

// BenchmarkRequest is what a request to a connected server costs on top of the session's own.
func BenchmarkRequest(b *testing.B) {
	fake := newFake()
	s := New(Options{Connector: fake})
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	s.Apply(&config.Config{Servers: []config.Server{stdio("a")}})
	if err := s.Sync(ctx); err != nil {
		b.Fatal(err)
	}
	if _, _, err := s.Request(ctx, "a", call.Request{Method: "x"}); err != nil { // waits for it
		b.Fatal(err)
	}
	session := fake.session("a")
	b.Run("relayed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = s.Request(ctx, "a", call.Request{Method: "x"})
		}
	})
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = session.Request(ctx, call.Request{Method: "x"})
		}
	})
	cancel()
	wg.Wait()
}
