package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// errStop is why a runner is asked to end.
var errStop = errors.New("server is being stopped")

// A loop is the state of one Run. It belongs to the goroutine of Run.
type loop struct {
	*Supervisor
	broken  func(msg string, args ...any) // a broken invariant; tests panic
	goals   map[string]*wanted
	servers map[string]*server
	records map[string][]approval.Record // by server
	tools   map[string]*toolBook         // by server
	gated   atomic.Bool                  // quarantine is on; read by runners
	wishes  map[string]call.Wish         // by server, of which there may be none; no zero ones
	starts  chan struct{}                // a slot for each server that is starting
	retries *limiter
	offline atomic.Bool  // the machine has no network; read by runners
	peers   int          // servers at an address that are connected
	beat    *time.Ticker // while there are peers
	runners sync.WaitGroup
	seq     uint64 // of the newest transition

	// What the current turn has collected.
	touched []string
	events  []Transition
	replies []reply
	settled []*outcome
}

type reply struct {
	to  chan<- error
	err error
}

// wanted is a goal with what is shown of it.
type wanted struct {
	goal
	launch  stateview.Launch // zero for an invalid entry
	verdict approval.Verdict

	quarantine bool // whether the gates are on
}

func newLoop(s *Supervisor) *loop {
	return &loop{
		Supervisor: s,
		broken:     func(msg string, args ...any) { s.log.Error(msg, args...) },
		goals:      map[string]*wanted{},
		servers:    map[string]*server{},
		records:    map[string][]approval.Record{},
		tools:      map[string]*toolBook{},
		wishes:     map[string]call.Wish{},
		starts:     make(chan struct{}, s.settings.StartsAtOnce),
		retries:    newLimiter(s.settings.Retries, s.settings.RetryRate),
	}
}

// Run supervises until ctx is done, then stops all servers, in parallel, and
// returns nil when all have ended. It is called once.
func (s *Supervisor) Run(ctx context.Context) error {
	newLoop(s).run(ctx)
	return nil
}

func (l *loop) run(ctx context.Context) {
	defer l.history.close()
	l.load()
	for ctx.Err() == nil {
		select {
		case <-l.inbox.signal:
			// Once ctx is done a runner's end is no reason to start another.
			if messages, since := l.inbox.take(); ctx.Err() == nil {
				before := l.view.Snapshot()
				l.turn(ctx, messages)
				if l.published != nil && l.view.Snapshot() != before {
					l.published(time.Since(since))
				}
			}
		case <-l.beats():
			l.askPeers()
		case <-ctx.Done():
		}
	}
	l.shutdown()
}

// load reads the approvals once. What cannot be read is not approved.
func (l *loop) load() {
	if l.approvals == nil {
		return
	}
	records, err := l.approvals.Approvals()
	if err != nil {
		l.log.Error("approvals not read", "err", err)
	}
	for _, r := range records {
		l.records[r.Server] = append(l.records[r.Server], r)
	}
	tools, first, err := l.approvals.Tools()
	if err != nil {
		l.log.Error("approvals of tools not read", "err", err)
		l.records = map[string][]approval.Record{} // else every list would count as the first one
	}
	for _, r := range tools {
		l.book(r.Server).approved[r.ToolID] = true
	}
	for _, f := range first {
		b := l.book(f.Server)
		b.first = append(b.first, f)
	}
}

// turn acts on all messages that came together and publishes once.
func (l *loop) turn(ctx context.Context, messages []message) {
	for _, m := range messages {
		l.handle(m)
	}
	slices.Sort(l.touched)
	l.touched = slices.Compact(l.touched)
	for _, name := range l.touched {
		l.close(ctx, name)
	}
	l.publish()
}

func (l *loop) touch(name string) { l.touched = append(l.touched, name) }

func (l *loop) answer(to chan<- error, err error) {
	if to != nil {
		l.replies = append(l.replies, reply{to, err})
	}
}

func (l *loop) handle(m message) {
	switch m := m.(type) {
	case apply:
		l.apply(m.cfg)
	case restart:
		l.answer(m.reply, l.restart(m.name))
	case checkLaunch:
		var err error
		switch g, ok := l.goals[m.name]; {
		case !ok:
			err = ErrUnknownServer
		case g.launch.ID == "" || g.launch.ID != m.launchID:
			err = ErrStale
		}
		l.answer(m.reply, err)
	case approved:
		name := m.record.Server
		l.records[name] = append(l.records[name], m.record)
		if g, ok := l.goals[name]; ok {
			l.judge(g, g.quarantine)
			l.touch(name)
			l.regate(name)
		}
		l.answer(m.reply, nil)
	case checkTools:
		definitions, err := l.checkTools(m.name, m.ids)
		m.reply <- toolsChecked{definitions, err}
	case toolsApproved:
		l.toolsApproved(m)
	case tookFirst:
		l.tookFirst(m)
	case flush:
		l.answer(m.reply, nil)
	case need:
		m.reply <- l.need(m.name)
	case follow:
		l.follow(m)
	case woke:
		l.orderAll(woken, child)
	case network:
		l.networkTurned(m.up)
	case networkAdded:
		l.orderAll(added, remote)
	case report:
		l.report(m)
	}
}

// apply replaces the goals.
func (l *loop) apply(cfg *config.Config) {
	l.gated.Store(cfg.Quarantine)
	old := l.goals
	l.goals = make(map[string]*wanted, len(cfg.Servers))
	for _, srv := range cfg.Servers {
		if _, twice := l.goals[srv.Name]; twice {
			continue
		}
		g := old[srv.Name]
		if g == nil {
			g = &wanted{}
		}
		if g.srv.Name == "" || !g.srv.Equal(srv) {
			g.srv, g.launch = srv, stateview.Launch{}
			if srv.Err == nil {
				g.launch = stateview.Launch{Line: shown(srv), ID: approval.Fingerprint(launchOf(srv))}
			}
		}
		turned := g.quarantine != cfg.Quarantine
		l.judge(g, cfg.Quarantine)
		l.goals[srv.Name] = g
		l.touch(srv.Name)
		if turned {
			l.regate(srv.Name)
		}
	}
	for name := range old {
		l.touch(name)
	}
}

// judge decides where a server shall be.
func (l *loop) judge(g *wanted, quarantine bool) {
	g.quarantine = quarantine
	g.verdict = approval.Gate(quarantine, g.launch.ID, l.records[g.srv.Name])
	switch {
	case g.srv.Disabled:
		g.rest = stateview.Disabled
	case g.srv.Err != nil:
		g.rest = stateview.Failed
	case g.verdict != approval.Open:
		g.rest = stateview.Quarantined
	default:
		g.rest = stateview.Connected
	}
}

func (l *loop) restart(name string) error {
	g, ok := l.goals[name]
	switch {
	case !ok:
		return ErrUnknownServer
	case g.rest != stateview.Connected:
		return &StateError{Server: name, State: g.rest}
	}
	g.restart++
	l.touch(name)
	return nil
}

// follow keeps what clients wish for and passes it on to the session, if there is one.
func (l *loop) follow(m follow) {
	delete(l.wishes, m.name)
	if !m.wish.Equal(call.Wish{}) {
		l.wishes[m.name] = m.wish
	}
	if s := l.servers[m.name]; s != nil && s.session != nil {
		s.session.Follow(m.wish)
	}
}

// report takes what a runner says, unless another has taken its place.
func (l *loop) report(m report) {
	s := l.servers[m.name]
	if s == nil || !s.live || s.epoch != m.epoch {
		return
	}
	means := true
	switch e := m.event.(type) {
	case attempting:
		means = l.attempting(s, e.n)
	case connected:
		means = l.connected(s, e)
	case relisted:
		means = l.relisted(s, e.offers)
	case reopening:
		means = l.reopening(s)
	case lost:
		means = l.lost(s, e)
	case ended:
		s.live, s.cancel, s.stuck = false, nil, e.stuck
	}
	if means {
		l.touch(m.name)
	}
}

// close closes the gap between what is wanted of a server and what is.
func (l *loop) close(ctx context.Context, name string) {
	w, s := l.goals[name], l.servers[name]
	var g *goal
	var f *fact
	if w != nil {
		g = &w.goal
	}
	if s != nil {
		f = &s.fact
	}
	for _, a := range reconcile(g, f) {
		switch a {
		case add:
			s = &server{status: stateview.ServerStatus{Name: name, Since: time.Now().Round(0)}}
			l.servers[name] = s
		case start:
			l.start(ctx, s, w)
		case stop:
			l.stop(s)
		case settle:
			l.settle(s, w)
		case remove:
			l.answerOutcome(s, nil, fmt.Errorf("server %q: %w", name, ErrUnknownServer))
			delete(l.servers, name)
		}
	}
	if w == nil && s != nil {
		s.status.Enabled = false // it is being removed
	}
	if w != nil && s != nil && s.first {
		l.take(ctx, s, w)
	}
	if w != nil && s != nil {
		s.status.Enabled = !w.srv.Disabled
		s.status.SetLaunch(w.launch)
	}
}

// publish makes one snapshot of all that was touched, then tells the subscribers
// and answers the commands. Who finds a session finds what is held of its tools in the view.
func (l *loop) publish() {
	for _, name := range l.touched {
		if s := l.servers[name]; s == nil || s.session == nil {
			l.sessions.Delete(name)
		}
	}
	if len(l.touched) > 0 {
		l.view.Update(func(b *stateview.Batch) {
			for _, name := range l.touched {
				if s := l.servers[name]; s != nil {
					b.UpdateServer(name, func(st *stateview.ServerStatus) { *st = s.status })
				} else {
					b.RemoveServer(name)
				}
			}
		})
	}
	for _, name := range l.touched {
		if s := l.servers[name]; s != nil && s.session != nil {
			l.sessions.Store(name, Requester(s.session))
		}
	}
	for _, t := range l.events {
		l.seq++
		t.Seq = l.seq
		l.history.append(t)
		if l.changed != nil {
			l.changed(t)
		}
	}
	for _, r := range l.replies {
		r.to <- r.err
	}
	for _, o := range l.settled {
		close(o.done)
	}
	l.touched, l.events, l.replies, l.settled = l.touched[:0], l.events[:0], l.replies[:0], l.settled[:0]
}

// shutdown stops all servers and waits for their ends. Nothing starts any more:
// only turn starts servers. Who waits for something is told at once.
func (l *loop) shutdown() {
	close(l.done)
	for name, s := range l.servers {
		if s.live && s.state != stateview.Stopping {
			l.stop(s)
			l.touch(name)
		}
	}
	l.publish()
	l.beats() // none are left
	l.runners.Wait()
	l.log.Info("all servers stopped")
}
