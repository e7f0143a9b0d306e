package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// Options are what a Supervisor is made of.
type Options struct {
	Connector Connector
	Approvals Approvals       // nil: nothing is approved, and nothing can be
	View      *stateview.View // nil: a new one
	Settings  Settings
	Logger    *slog.Logger // nil discards

	// Published is told how long the first of the messages had waited of which the
	// snapshot came that was just published, and Changed of each transition once it is
	// published. Both must return soon; nil is told nothing.
	Published func(waited time.Duration)
	Changed   func(Transition)
}

// A Supervisor keeps the wanted servers connected. Use New to make one.
type Supervisor struct {
	connector Connector
	approvals Approvals
	view      *stateview.View
	settings  Settings
	log       *slog.Logger
	inbox     inbox
	history   history
	sessions  sync.Map      // server name to Requester; written by the control loop alone
	deciding  chan struct{} // one slot: held while an approval is checked and saved, or a first list is, so that they are saved in order
	done      chan struct{} // closed when Run begins to end: it takes no more messages
	published func(waited time.Duration)
	changed   func(Transition)
}

// New returns a supervisor of no servers; Apply says which, and Run supervises.
func New(o Options) *Supervisor {
	return &Supervisor{
		connector: o.Connector,
		approvals: o.Approvals,
		view:      cmp.Or(o.View, stateview.New()),
		settings:  o.Settings.withDefaults(),
		log:       cmp.Or(o.Logger, slog.New(slog.DiscardHandler)).With("component", "supervisor"),
		inbox:     inbox{signal: make(chan struct{}, 1), timed: o.Published != nil},
		history:   history{tail: newLink()},
		deciding:  make(chan struct{}, 1),
		done:      make(chan struct{}),
		published: o.Published,
		changed:   o.Changed,
	}
}

// StateView returns the read model. Only the supervisor writes to it.
func (s *Supervisor) StateView() *stateview.View { return s.view }

// Apply makes a configuration the wanted one. It returns at once; only servers
// whose entry changed are restarted. cfg must not be changed afterwards.
func (s *Supervisor) Apply(cfg *config.Config) { s.inbox.put(apply{cfg}) }

// Sync returns nil when what was applied before is published: each of its servers
// is in the view, and can be asked for. It waits for Run to begin. Error: ErrClosed.
func (s *Supervisor) Sync(ctx context.Context) error {
	reply := make(chan error, 1)
	return s.ask(ctx, flush{reply}, reply)
}

// Woke says that the machine was asleep. Nothing that took long is held against
// a server: sessions with other machines are opened anew, those with this one must
// answer a ping, servers that wait are tried, all spread over Stagger. It returns at once.
func (s *Supervisor) Woke() { s.inbox.put(woke{}) }

// Network says whether the machine has a network. While it has none, servers on
// other machines that cannot be reached share one problem and are not tried; a
// session that works is left alone. When it is back they are tried, spread over
// Stagger. It returns at once.
func (s *Supervisor) Network(up bool) { s.inbox.put(network{up}) }

// NetworkAdded says that the machine has a network more, such as a VPN, or another
// one: servers on other machines that wait are tried, spread over Stagger. Nothing
// else changes, and no failure is forgotten. It returns at once.
func (s *Supervisor) NetworkAdded() { s.inbox.put(networkAdded{}) }

// Follow says what the clients wish to be told of by a server, in place of what was
// said before; it holds for this session and those after it. It returns at once. wish
// must not be changed afterwards.
func (s *Supervisor) Follow(server string, wish call.Wish) { s.inbox.put(follow{server, wish}) }

// Restart ends the server's session and opens a new one; a server that waits or
// is parked is tried at once. It returns when that has begun. Errors:
// ErrUnknownServer, a *StateError if the server must not run, ErrClosed.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	reply := make(chan error, 1)
	if err := s.ask(ctx, restart{name, reply}, reply); err != nil {
		return fmt.Errorf("restart server %q: %w", name, err)
	}
	return nil
}

// Approve opens the launch gate of a server for exactly the launch that was
// displayed. When it returns nil, that is durable and the server starts. Errors:
// ErrUnknownServer, ErrStale if launchID is not the current one, ErrClosed, and
// one with a Problem if it cannot be saved; then nothing is approved.
func (s *Supervisor) Approve(ctx context.Context, name, launchID string) error {
	return s.approveLaunch(ctx, name, launchID, false)
}

// ApproveForReview is Approve, but that the server's first list of tools is not approved
// with it: each tool is held until ApproveTools. It holds for this launch for ever.
func (s *Supervisor) ApproveForReview(ctx context.Context, name, launchID string) error {
	return s.approveLaunch(ctx, name, launchID, true)
}

func (s *Supervisor) approveLaunch(ctx context.Context, name, launchID string, review bool) error {
	if err := s.decide(ctx, approval.Record{Server: name, LaunchID: launchID, By: "user", Review: review}); err != nil {
		return fmt.Errorf("approve server %q: %w", name, err)
	}
	return nil
}

// reserve waits for the turn to save a decision; who got it must free deciding again.
func (s *Supervisor) reserve(ctx context.Context) error {
	select {
	case s.deciding <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		return ErrClosed
	}
}

func (s *Supervisor) decide(ctx context.Context, record approval.Record) error {
	if err := s.reserve(ctx); err != nil {
		return err
	}
	defer func() { <-s.deciding }()
	reply := make(chan error, 1)
	if err := s.ask(ctx, checkLaunch{record.Server, record.LaunchID, reply}, reply); err != nil {
		return err
	}
	record.At = time.Now()
	if err := s.save(record); err != nil {
		return err
	}
	// It is durable, so it is a success whatever happens while we wait to see it.
	reply = make(chan error, 1)
	_ = s.ask(ctx, approved{record, reply}, reply)
	return nil
}

// ApproveTools shows clients tools of a server that is connected, for exactly the
// definitions that were displayed: all of them or none. When it returns nil, that is
// durable and published. Errors: ErrUnknownServer, ErrUnknownTool, ErrStaleTool if a
// hash is not of the current definition, one that matches ErrNotConnected, ErrClosed,
// and one with a Problem if it cannot be saved; then nothing is approved.
func (s *Supervisor) ApproveTools(ctx context.Context, name string, ids []approval.ToolID) error {
	if err := s.decideTools(ctx, name, ids); err != nil {
		return fmt.Errorf("approve tools of server %q: %w", name, err)
	}
	return nil
}

func (s *Supervisor) decideTools(ctx context.Context, name string, ids []approval.ToolID) error {
	if err := s.reserve(ctx); err != nil {
		return err
	}
	defer func() { <-s.deciding }()
	checked := make(chan toolsChecked, 1)
	s.inbox.put(checkTools{name, ids, checked})
	var now toolsChecked
	select {
	case now = <-checked:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		return ErrClosed
	}
	if now.err != nil {
		return now.err
	}
	records := make([]approval.ToolRecord, len(ids))
	for i, id := range ids {
		records[i] = approval.ToolRecord{Server: name, ToolID: id, Definition: now.definitions[i], At: time.Now(), By: "user"}
	}
	if s.approvals == nil {
		return &saveError{errNoApprovals}
	}
	if err := s.approvals.ApproveTools(records); err != nil {
		return &saveError{err}
	}
	reply := make(chan error, 1)
	_ = s.ask(ctx, toolsApproved{name, ids, reply}, reply) // it is durable; see decide
	return nil
}

// ApproveConfigured opens the launch gate for an entry as it stands, for a
// program that wrote the entry itself. It must be called before Run.
func (s *Supervisor) ApproveConfigured(srv config.Server, by string) error {
	record := approval.Record{Server: srv.Name, LaunchID: approval.Fingerprint(launchOf(srv)), At: time.Now(), By: by}
	if err := s.save(record); err != nil {
		return fmt.Errorf("approve server %q: %w", srv.Name, err)
	}
	return nil
}

func (s *Supervisor) save(record approval.Record) error {
	if s.approvals == nil {
		return &saveError{errNoApprovals}
	}
	if err := s.approvals.Approve(record); err != nil {
		return &saveError{err}
	}
	return nil
}

// ask sends a command to the control loop and waits for its answer.
func (s *Supervisor) ask(ctx context.Context, m message, reply <-chan error) error {
	s.inbox.put(m)
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		return ErrClosed
	}
}
