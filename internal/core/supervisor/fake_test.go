package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errKilled = errors.New("killed")

// classError is an error as upstream returns them.
type classError struct {
	class string
	after time.Duration // Retry-After
}

func (e *classError) Error() string             { return "raw text of " + e.class }
func (e *classError) Class() string             { return e.class }
func (e *classError) RetryAfter() time.Duration { return e.after }
func (e *classError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-TEST-" + e.class, Text: "It is broken.", Hint: "Mend it."}
}

// A fakeServer is how a server of the fake connector behaves; the zero value connects at once.
type fakeServer struct {
	start   time.Duration // to connect
	list    time.Duration // to list tools
	stop    time.Duration // to close
	life    time.Duration // after which it dies by itself; 0 = never
	err     error         // of Connect
	listErr error
	endErr  error // of Close
	tools   []stateview.Tool
	offer   stateview.Offer

	// How a session behaves from now on.
	hangs   bool  // requests are not answered
	deaf    bool  // neither are pings
	mute    bool  // neither are listings, beside hangs and deaf
	pingErr error // how pings fail at once
}

// A fakeConnector connects to fakeServers and keeps account.
type fakeConnector struct {
	allowed  func(config.Server) error // called for each Connect; an error is reported as a failed invariant
	requests atomic.Int64              // sent to servers

	mu       sync.Mutex // guards all below
	servers  map[string]fakeServer
	sessions map[string]*fakeSession // newest of each server
	connects map[string]int
	pings    map[string]int
	lists    map[string]int
	changes  map[string]chan struct{} // closed for each change of something on disk
	parked   map[string]int           // who waits for a change
	sent     map[string]int           // requests, by their params
	tries    []try
	open     int
	faults   []error
}

// A try is one call of Connect.
type try struct {
	name string
	at   time.Time
}

func newFake() *fakeConnector {
	return &fakeConnector{servers: map[string]fakeServer{}, sessions: map[string]*fakeSession{},
		connects: map[string]int{}, pings: map[string]int{}, lists: map[string]int{},
		changes: map[string]chan struct{}{}, parked: map[string]int{}, sent: map[string]int{}}
}

func (c *fakeConnector) set(name string, s fakeServer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers[name] = s
}

func (c *fakeConnector) count(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connects[name]
}

func (c *fakeConnector) session(name string) *fakeSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[name]
}

func (c *fakeConnector) Connect(ctx context.Context, srv config.Server) (Session, error) {
	c.mu.Lock()
	b := c.servers[srv.Name]
	c.connects[srv.Name]++
	c.tries = append(c.tries, try{srv.Name, time.Now()})
	if c.allowed != nil {
		if err := c.allowed(srv); err != nil {
			c.faults = append(c.faults, err)
		}
	}
	if c.parked[srv.Name] > 0 {
		c.faults = append(c.faults, fmt.Errorf("server %q: tried while it waits for a change", srv.Name))
	}
	if old := c.sessions[srv.Name]; old != nil && !old.closed {
		c.faults = append(c.faults, fmt.Errorf("server %q: connected twice at a time", srv.Name))
	}
	c.mu.Unlock()
	if !sleep(ctx, b.start) {
		return nil, ctx.Err()
	}
	if b.err != nil {
		return nil, b.err
	}
	s := &fakeSession{c: c, srv: srv, behaviour: b, changed: make(chan struct{}, 1), over: make(chan struct{})}
	if b.life > 0 {
		s.timer = time.AfterFunc(b.life, func() { s.kill(errKilled) })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[srv.Name] = s
	c.open++
	return s, nil
}

// AwaitChange returns at the next change.
func (c *fakeConnector) AwaitChange(ctx context.Context, srv config.Server, _ error) error {
	c.mu.Lock()
	change := c.changes[srv.Name]
	if change == nil {
		change = make(chan struct{})
		c.changes[srv.Name] = change
	}
	c.parked[srv.Name]++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.parked[srv.Name]--
	}()
	select {
	case <-change:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// change changes something on which a server depends. It reports whether anybody waited for it.
func (c *fakeConnector) change(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	change := c.changes[name]
	if change == nil {
		return false
	}
	close(change)
	delete(c.changes, name)
	return true
}

func (c *fakeConnector) counted(m map[string]int, name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return m[name]
}

type fakeSession struct {
	c         *fakeConnector
	srv       config.Server
	behaviour fakeServer
	changed   chan struct{}
	timer     *time.Timer
	once      sync.Once
	over      chan struct{}
	why       error
	closed    bool        // guarded by c.mu
	wishes    []call.Wish // guarded by c.mu
}

func (s *fakeSession) kill(why error) { s.once.Do(func() { s.why = why; close(s.over) }) }

// change says that the tools changed.
func (s *fakeSession) change() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *fakeSession) Describe(st *stateview.ServerStatus) {
	st.Transport, st.Protocol, st.PID = stateview.Stdio, "2025-11-25", 42
}

func (s *fakeSession) Tools(ctx context.Context) ([]stateview.Tool, error) {
	b := s.now(s.c.lists)
	if !sleep(ctx, b.list) {
		return nil, ctx.Err()
	}
	if b.mute {
		return nil, s.silence(ctx)
	}
	return b.tools, b.listErr
}

func (s *fakeSession) Lists(ctx context.Context) (stateview.ToolList, stateview.Offer, error) {
	tools, err := s.Tools(ctx)
	if err != nil {
		return stateview.ToolList{}, stateview.Offer{}, err
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return stateview.NewToolList(tools), s.c.servers[s.srv.Name].offer, nil
}

// now returns how the server behaves by now, and counts what asked.
func (s *fakeSession) now(count map[string]int) fakeServer {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	count[s.srv.Name]++
	return s.c.servers[s.srv.Name]
}

// count counts a request that is known by its params.
func (s *fakeSession) count(params []byte) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if len(params) > 0 {
		s.c.sent[string(params)]++
	}
}

// silence returns when ctx is done or the session over.
func (s *fakeSession) silence(ctx context.Context) error {
	select {
	case <-s.over:
		return errKilled
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *fakeSession) Ping(ctx context.Context) error {
	b := s.now(s.c.pings)
	if b.deaf {
		return s.silence(ctx)
	}
	return b.pingErr
}

func (s *fakeSession) Request(ctx context.Context, req call.Request) (result, rpcErr json.RawMessage, err error) {
	select {
	case <-s.over:
		return nil, nil, errKilled
	default:
	}
	s.c.requests.Add(1)
	s.count(req.Params)
	if b := s.now(map[string]int{}); b.hangs {
		return nil, nil, s.silence(ctx)
	}
	return json.RawMessage(req.Method + string(req.Params)), nil, nil
}

func (s *fakeSession) Follow(wish call.Wish) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.wishes = append(s.wishes, wish)
}

func (s *fakeSession) Changed() <-chan struct{} { return s.changed }

func (s *fakeSession) Wait() error {
	<-s.over
	return s.why
}

func (s *fakeSession) Close() error {
	s.kill(nil)
	if s.timer != nil {
		s.timer.Stop()
	}
	time.Sleep(s.behaviour.stop)
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.c.open--
	}
	return s.behaviour.endErr
}

// memory keeps approvals like the store does.
type memory struct {
	mu      sync.Mutex
	records []approval.Record
	tools   []approval.ToolRecord
	first   []approval.FirstList
	err     error         // of whatever writes
	lost    error         // of Tools
	slow    time.Duration // how long Approve takes
	busy    atomic.Int32  // calls of Approve at this moment
}

func (m *memory) Approvals() ([]approval.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]approval.Record(nil), m.records...), nil
}

func (m *memory) Approve(r approval.Record) error {
	return m.write(func() { m.records = append(m.records, r) })
}

// write does what nobody else does meanwhile.
func (m *memory) write(change func()) error {
	if m.busy.Add(1) > 1 {
		panic("something is written concurrently")
	}
	defer m.busy.Add(-1)
	time.Sleep(m.slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		change()
	}
	return m.err
}

func (m *memory) Tools() ([]approval.ToolRecord, []approval.FirstList, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.tools), slices.Clone(m.first), m.lost
}

func (m *memory) ApproveTools(recs []approval.ToolRecord) error {
	return m.write(func() { m.tools = append(m.tools, recs...) })
}

func (m *memory) TakeFirst(first approval.FirstList, recs []approval.ToolRecord) error {
	return m.write(func() { m.first, m.tools = append(m.first, first), append(m.tools, recs...) })
}

func (m *memory) has(r approval.Record) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.records {
		if x.Server == r.Server && x.LaunchID == r.LaunchID {
			return true
		}
	}
	return false
}

// A rig is a running supervisor with fakes, in a bubble.
type rig struct {
	*Supervisor
	t    *testing.T
	fake *fakeConnector
	mem  *memory
	stop func() // ends Run and waits for it
}

func run(t *testing.T, settings Settings) *rig {
	t.Helper()
	r := &rig{t: t, fake: newFake(), mem: &memory{}}
	r.Supervisor = New(Options{Connector: r.fake, Approvals: r.mem, Settings: settings})
	r.begin()
	return r
}

// begin starts Run, with broken invariants being panics.
func (r *rig) begin() {
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	l := newLoop(r.Supervisor)
	l.broken = func(msg string, args ...any) { panic(fmt.Sprint(msg, args)) }
	wg.Go(func() { l.run(ctx) })
	r.stop = func() {
		cancel()
		wg.Wait()
		r.fake.mu.Lock()
		defer r.fake.mu.Unlock()
		for _, err := range r.fake.faults {
			r.t.Error(err)
		}
		if r.fake.open != 0 {
			r.t.Errorf("%d sessions were left open", r.fake.open)
		}
	}
}

func (r *rig) apply(quarantine bool, servers ...config.Server) {
	r.Apply(&config.Config{Quarantine: quarantine, Servers: servers})
	synctest.Wait()
}

func (r *rig) status(name string) *stateview.ServerStatus {
	r.t.Helper()
	st, ok := r.StateView().GetServer(name)
	if !ok {
		r.t.Fatalf("no server %q in the view", name)
	}
	return &st
}

func (r *rig) want(name string, state stateview.State) *stateview.ServerStatus {
	r.t.Helper()
	synctest.Wait()
	st := r.status(name)
	if st.State != state {
		r.t.Fatalf("server %q is %v (%+v), want %v", name, st.State, st.Problem(), state)
	}
	return st
}

func stdio(name string) config.Server {
	return config.Server{Name: name, Command: name, Transport: "stdio"}
}

func web(name string) config.Server {
	return config.Server{Name: name, URL: "https://" + name + ".example.org/mcp", Transport: "http"}
}

func tools(names ...string) []stateview.Tool {
	var out []stateview.Tool
	for _, n := range names {
		out = append(out, stateview.Tool{Name: n, Definition: `{"name":"` + n + `"}`})
	}
	return out
}
