package supervisor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A model plays random commands and faults against a supervisor and knows what
// must be true at each moment and in the end.
type model struct {
	*rig
	rng  *rand.Rand
	cfg  *config.Config
	mu   sync.Mutex // guards open
	open bool       // the gate is off, or was a moment ago
}

const modelServers = 6

func (m *model) entry(i int) config.Server {
	s := stdio(fmt.Sprint(i))
	s.Args = []string{fmt.Sprint(m.rng.IntN(3))}
	s.Disabled = m.rng.IntN(4) == 0
	if m.rng.IntN(10) == 0 {
		s = config.Server{Name: s.Name, Err: &config.Error{Text: "It is wrong."}}
	}
	return s
}

func (m *model) behaviour() fakeServer {
	b := fakeServer{
		start: time.Duration(m.rng.IntN(3)) * time.Second, list: time.Duration(m.rng.IntN(2)) * time.Second,
		stop: time.Duration(m.rng.IntN(3)) * time.Second, tools: tools("x"),
	}
	switch m.rng.IntN(8) {
	case 0:
		b.start = time.Hour
	case 1:
		b.err = &classError{class: []string{"config", "auth", "network"}[m.rng.IntN(3)]}
	case 2:
		b.listErr = errKilled
	case 3:
		b.life = time.Duration(1+m.rng.IntN(100)) * time.Second
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

func (m *model) step() {
	name := fmt.Sprint(m.rng.IntN(modelServers))
	st, _ := m.StateView().GetServer(name)
	switch m.rng.IntN(8) {
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
			s.kill([]error{errKilled, nil, &classError{class: "auth"}, &classError{class: "config"}}[m.rng.IntN(4)])
		}
	case 6:
		m.fake.set(name, m.behaviour())
	case 7:
		if s := m.fake.session(name); s != nil {
			select {
			case s.changed <- struct{}{}:
			default:
			}
		}
	}
	if m.rng.IntN(2) == 0 {
		time.Sleep(time.Duration(m.rng.Int64N(int64(3 * time.Second))))
	}
}

// converged checks that with healthy servers and everything approved, what is is what is wanted.
func (m *model) converged() {
	for i := range modelServers {
		m.fake.set(fmt.Sprint(i), fakeServer{tools: tools("x", "y")})
	}
	time.Sleep(2 * time.Minute) // what hangs has timed out, what died has been tried again
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
		if s := m.fake.session(srv.Name); want == stateview.Connected && !slices.Equal(s.srv.Args, srv.Args) {
			m.t.Errorf("server %q runs an old entry", srv.Name)
		}
	}
}

func TestRandomHistories(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			m := &model{rig: run(t, Settings{}), rng: rand.New(rand.NewPCG(seed, i)), cfg: &config.Config{}}
			m.fake.allowed = m.allowed
			transitions := m.Subscribe(t.Context())
			for range 150 {
				m.step()
			}
			m.converged()
			m.stop()
			last := map[string]stateview.State{}
			for tr := range transitions {
				// A server that was removed and came back begins in Disabled again.
				if from, ok := last[tr.Server]; ok && from != tr.From && tr.From != stateview.Disabled || !mayFollow(tr.From, tr.To) {
					t.Errorf("%+v after %v", tr, from)
				}
				last[tr.Server] = tr.To
			}
		})
		if t.Failed() {
			t.Fatalf("history %d", i)
		}
	}
}

// TestFlappingLeavesNothingBehind lets 1,000 fake servers flap for ten minutes of the bubble's time.
func TestFlappingLeavesNothingBehind(t *testing.T) {
	begin := time.Now()
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		r := run(t, Settings{RetryRate: 1000, Retries: 64}) // the limiter would spare them most of it
		rng := rand.New(rand.NewPCG(1, 2))
		var servers []config.Server
		for i := range 1_000 {
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
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines before, %d after", before, after)
		}
		if connects < 10_000 {
			t.Errorf("only %d sessions", connects)
		}
		t.Logf("%d sessions, %d snapshots", connects, r.StateView().Snapshot().Seq())
	})
	t.Logf("took %v", time.Since(begin))
}

// BenchmarkKilledToPublished measures, in real time, from the end of a session
// to the snapshot that says so.
func BenchmarkKilledToPublished(b *testing.B) {
	fake := newFake()
	s := New(Options{Connector: fake, Settings: Settings{RetryMin: 4 * time.Millisecond, RetryMax: 4 * time.Millisecond, CrashUp: 1, RetryRate: 1000}})
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
