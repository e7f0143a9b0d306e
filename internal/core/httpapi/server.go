package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// Limits of what a client may send and how long it may take.
const (
	maxHeaderBytes = 64 << 10 // a browser's headers fit ten times over
	maxAPIBytes    = 1 << 20  // the longest entry of a server is a few kilobytes
	maxMCPBytes    = 16 << 20 // arguments of a tool call may carry a file
	headerTimeout  = 10 * time.Second
	bodyTimeout    = 30 * time.Second
	answerTimeout  = time.Minute // of the API; a stream sets its own, /mcp has none: a call takes what it takes
	idleTimeout    = 2 * time.Minute
	shutdownGrace  = 1500 * time.Millisecond // for answers
	cutGrace       = 300 * time.Millisecond  // for handlers without a connection; together under 2 s
)

// Commands is what people may ask for. Each method returns when the request is
// accepted; its effect is seen in a later snapshot. Errors wrap one of the
// sentinels of this package where one fits, and may have a
// Problem() stateview.Problem with words for people. Methods may be called
// concurrently.
type Commands interface {
	SetEnabled(ctx context.Context, name string, on bool) error
	Restart(ctx context.Context, name string) error
	Approver
	// Add puts entry, a JSON object, into the configuration under a new name.
	Add(ctx context.Context, name string, entry json.RawMessage) error
	Remove(ctx context.Context, name string) error
}

// An Approver releases exactly what is named; what has changed since is ErrStale or
// ErrStaleTool, and then nothing is released.
type Approver interface {
	Approve(ctx context.Context, name, launchID string) error
	// ApproveForReview is Approve, but that the first list of tools is held.
	ApproveForReview(ctx context.Context, name, launchID string) error
	// ApproveTools releases tools of one server, all of them or none.
	ApproveTools(ctx context.Context, name string, tools []HeldTool) error
}

// A HeldTool is a tool with the hash of its definition as it was shown.
type HeldTool struct {
	Tool string `json:"tool"`
	Hash string `json:"hash"`
}

// Status is what the program says of itself, beside its servers.
type Status struct {
	Program  string              // the program's version
	URL      string              // where it listens, e.g. "http://127.0.0.1:7420"
	Paused   bool                // whether calls are refused on request of the user
	Tray     Tray                // the zero value means: runs without a tray
	Problems []stateview.Problem // of the program as a whole, e.g. of its configuration
}

// Tray says how the tray icon is.
type Tray struct {
	Running  bool   // whether the program was asked to show an icon
	Attached bool   // whether something shows it
	Reason   string // why not, for people; empty if something does
}

// Options are what a Server needs.
type Options struct {
	View     *stateview.View // required
	Commands Commands        // required
	Addr     net.Addr        // required: where it listens; its port is part of the Host check
	Tokens   Tokens          // an empty token opens nothing
	Status   func() Status   // required
	MCP      http.Handler    // serves /mcp and /mcp/…; nil answers 404
	MCPOpen  func() bool     // whether /mcp needs no token ("mcp_auth": "none"); nil means it needs one
	Ready    func() bool     // whether the program is up, for /readyz; nil means it is
	Show     func()          // shows the program to its user; nil if it cannot. Must not block
	Quit     func()          // begins to end the program; nil if it cannot. Must not block
	Desk     Desk            // nil: no server asks the user anything
	Logger   *slog.Logger    // nil discards

	LogFile   func(server string) string  // path of a server's log; nil: there are none
	FindTools func(ToolQuery) []FoundTool // what fits best first; nil: it cannot search. May wait for its index to be made

	// ApprovedTool returns the definition of a tool that was approved last, or nothing; it
	// may read the disk. nil: none was.
	ApprovedTool func(server, tool string) string

	History History // what happened; nil answers 404

	// Metrics writes what /metrics answers; nil answers 404.
	Metrics func(io.Writer) error
	// Read is told of each answer that is made from a snapshot; nil: nobody is.
	Read func()
	// Follow is called for each stream of events: took is then told of each snapshot that
	// was sent, left when the stream ends. All must return soon; nil: nobody is told.
	Follow func() (took func(s *stateview.Snapshot, changed bool), left func())
}

// A Server answers HTTP requests. Use New to make one.
type Server struct {
	opt      Options
	door     door
	mux      *http.ServeMux
	cache    cache
	deltas   deltas
	streams  atomic.Int64 // of changes that are open
	lane     *lane
	links    tickets // of PageURL
	sessions tickets // of browsers that were let in
}

// New returns a server that has not started to serve.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("component", "httpapi")
	if o.Read == nil {
		o.Read = func() {}
	}
	if o.Follow == nil {
		o.Follow = func() (func(*stateview.Snapshot, bool), func()) {
			return func(*stateview.Snapshot, bool) {}, func() {}
		}
	}
	s := &Server{opt: o, door: newDoor(o), mux: http.NewServeMux(), lane: newLane()}
	s.cache.run = newRun()
	for _, rt := range s.routes() {
		s.mux.Handle(rt.pattern, s.handle(rt))
	}
	return s
}

// ServeHTTP answers one request. The front door comes before everything else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	a := &answer{ResponseWriter: w}
	defer s.recovered(a, r)
	if e := s.door.check(r); e != nil {
		refuse(a, r, e)
		return
	}
	s.mux.ServeHTTP(a, r)
}

// Serve answers requests on ln until ctx is done, then ends within 2 s: streams
// at once, other requests when they are answered or their time is up. No handler
// runs then, but one that does not end although its connection was cut. It closes
// ln and returns nil if ctx was the reason. It may be called once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	running := newHandlers()
	srv := &http.Server{
		Handler:           s.until(ctx, running),
		ConnContext:       withConn,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.opt.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	var lane sync.WaitGroup
	defer lane.Wait()
	laneCtx, closeLane := context.WithCancel(ctx)
	defer closeLane()
	lane.Go(func() { s.lane.run(laneCtx, s.opt.View) })
	defer func() {
		if !running.end(cutGrace) {
			s.opt.Logger.Error("requests were left at shutdown")
		}
	}()
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		s.opt.Logger.Warn("requests were cut at shutdown", "err", err)
		_ = srv.Close() // cuts the connections, which cancels what still runs; nothing else to do about it
	}
	<-failed
	return nil
}

// until ends the context of each GET when ctx does: its answer may be a stream,
// for which an orderly shutdown would wait in vain.
func (s *Server) until(ctx context.Context, running *handlers) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !running.enter() {
			panic(http.ErrAbortHandler) // its connection is cut as well
		}
		defer running.leave()
		if r.Method == http.MethodGet {
			own, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			r = r.WithContext(own)
		}
		s.ServeHTTP(w, r)
	}
}
