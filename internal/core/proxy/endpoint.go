package proxy

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

const (
	serverName     = "mcpproxy-tray"
	sessionHeader  = "Mcp-Session-Id"
	revisionHeader = "Mcp-Protocol-Version"
	methodHeader   = "Mcp-Method"
)

// Options configure an Endpoint. View and Upstreams are required.
type Options struct {
	View      *stateview.View
	Upstreams Upstreams
	Version   string       // of this program; told to clients
	Logger    *slog.Logger // nil: discard

	// SessionTimeout is how long a session (of a revision that has sessions)
	// lives after its last request and event stream ended; 0 = 8 h. It costs
	// memory alone: a client that was left over night should find its session
	// again, and one that vanished must not be kept for ever.
	SessionTimeout time.Duration
	// Settle is how long after a list_changed the next one is sent at the
	// earliest; 0 = 50 ms. The first change is announced at once.
	Settle time.Duration
	// MaxBodyBytes limits a client's message; 0 = 16 MiB, because a file may
	// travel in the arguments of a call.
	MaxBodyBytes int64
	// Grace is how long what a server offers stays listed while it is away; 0 = 30 s.
	Grace time.Duration
	// Follow is told what clients want to hear of a server from now on; nil: nobody is.
	// It must not block.
	Follow func(server string, wish call.Wish)
	// Desk asks the user what a server wants to know and the client cannot ask; nil: nobody does.
	Desk Desk

	// Recorder is given each call of a tool that ended, also of one that was refused; nil:
	// none is kept.
	Recorder Recorder

	// Read is told of each request, which is answered from a snapshot. Announced is told
	// of each snapshot that was looked at, and whether clients were told of changed lists.
	// Both must return soon; nil is told nothing.
	Read      func()
	Announced func(s *stateview.Snapshot, changed bool)
}

// A Recorder keeps what was called. Record is in the path of each call: it must return
// within microseconds, and not keep the record's Params and Answer.
type Recorder interface {
	Record(r call.Record)
}

// A Desk asks the user in place of a client.
type Desk interface {
	// Staffed reports whether there is anybody to ask now.
	Staffed() bool
	// Ask has the user answer the params of an elicitation/create of a server; see call.Client.
	Ask(ctx context.Context, server string, params json.RawMessage) (result, rpcErr json.RawMessage, err error)
}

// An Endpoint serves /mcp, /mcp/search and /mcp/server/{name}. Use New to make one.
type Endpoint struct {
	view           *stateview.View
	upstreams      Upstreams
	version        string
	logger         *slog.Logger
	sessionTimeout time.Duration
	settle         time.Duration
	maxBody        int64
	grace          time.Duration
	self           []byte // serverInfo as JSON
	newest         atomic.Pointer[catalog]
	finder         *finder
	follow         func(server string, wish call.Wish) // nil: nobody follows
	wished         chan struct{}                       // one slot: wishes have changed
	news           news
	desk           Desk     // nil: nobody is asked here
	recorder       Recorder // nil: nothing is kept
	read           func()
	announced      func(s *stateview.Snapshot, changed bool)

	mu     sync.Mutex
	scopes map[string]*scope // by server, "" for all, searchPath for the search; guarded by mu; made when first asked for
	closed bool              // guarded by mu
}

// New returns an Endpoint. It starts nothing: Run sends notifications.
func New(o Options) *Endpoint {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	self, _ := json.Marshal(struct { // two strings always encode
		Name    string `json:"name"`
		Version string `json:"version"`
	}{serverName, o.Version})
	e := &Endpoint{
		view:           o.View,
		upstreams:      o.Upstreams,
		version:        o.Version,
		logger:         logger.With("component", "proxy"),
		sessionTimeout: cmp.Or(o.SessionTimeout, 8*time.Hour),
		settle:         cmp.Or(o.Settle, 50*time.Millisecond),
		maxBody:        cmp.Or(o.MaxBodyBytes, 16<<20),
		grace:          cmp.Or(o.Grace, 30*time.Second),
		self:           self,
		scopes:         map[string]*scope{},
		follow:         o.Follow,
		wished:         make(chan struct{}, 1),
		news:           news{wake: make(chan struct{}, 1)},
		desk:           o.Desk,
		recorder:       o.Recorder,
		read:           o.Read,
		announced:      o.Announced,
	}
	if e.read == nil {
		e.read = func() {}
	}
	if e.announced == nil {
		e.announced = func(*stateview.Snapshot, bool) {}
	}
	e.finder = newFinder(e.catalog)
	return e
}

// Run tells clients when a list of theirs has changed, until ctx is done;
// then it ends all sessions and cancels what is being served. It returns the
// cause of ctx's end.
func (e *Endpoint) Run(ctx context.Context) error {
	var finding sync.WaitGroup
	finding.Go(func() { e.finder.run(ctx) })
	finding.Go(func() { e.tell(ctx) })
	defer finding.Wait()
	for ctx.Err() == nil {
		c := e.catalog()
		e.finder.refresh(c)
		changed := e.announce(c)
		e.announced(c.snap, changed)
		if changed {
			pause(ctx, nil, e.settle)
		}
		next := time.Duration(-1)
		if !c.ends.IsZero() {
			next = max(time.Until(c.ends), 0)
		}
		pause(ctx, c.snap.Changed(), next)
	}
	e.mu.Lock()
	e.closed = true
	scopes := e.scopes
	e.scopes = nil
	e.mu.Unlock()
	for _, s := range scopes {
		s.close()
	}
	e.finder.results.close()
	return context.Cause(ctx)
}

// announce brings every scope up to date and reports whether any list changed.
func (e *Endpoint) announce(c *catalog) bool {
	var gone, kept []*scope
	e.mu.Lock()
	for name, s := range e.scopes {
		if name != "" && name != searchPath && c.offer(name) == nil {
			delete(e.scopes, name)
			gone = append(gone, s)
		} else {
			kept = append(kept, s)
		}
	}
	e.mu.Unlock()
	for _, s := range gone {
		s.close()
		signal(e.wished)
	}
	changed := false
	for _, s := range kept {
		changed = s.announce(c) || changed
	}
	return changed
}

// pause waits until ctx is done, something changed, or d has passed; a negative d never does.
func pause(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	var passed <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		passed = t.C
	}
	select {
	case <-passed:
	case <-changed:
	case <-ctx.Done():
	}
}

// catalog returns the catalog of the view's current snapshot: a client that
// asks right after a change never sees an older list.
func (e *Endpoint) catalog() *catalog {
	if c := e.newest.Load(); c.holds(e.view.Snapshot()) {
		return c
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	snap, c := e.view.Snapshot(), e.newest.Load()
	if !c.holds(snap) {
		c = newCatalog(snap, c, e.grace)
		e.newest.Store(c)
	}
	return c
}

// ServeHTTP serves /mcp, /mcp/search and /mcp/server/{name}. It checks neither Origin nor
// token: that is the front door's task.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	server := "" // all
	e.read()
	c := e.catalog()
	switch r.URL.Path {
	case "/mcp":
	case searchPath:
		server = searchPath
	default:
		name, ok := strings.CutPrefix(r.URL.Path, "/mcp/server/")
		if !ok {
			refuse(w, http.StatusNotFound, "MPT-HTTP-NOT-FOUND", "There is nothing at this address.", "The endpoint is /mcp, the one with a search /mcp/search, a single server /mcp/server/NAME.")
			return
		}
		if c.offer(name) == nil {
			refuse(w, http.StatusNotFound, "MPT-SERVER-UNKNOWN", "There is no server of this name.", "The names are in the configuration file.")
			return
		}
		server = name
	}
	s := e.scope(server)
	if s == nil {
		refuse(w, http.StatusServiceUnavailable, "stopping", "The program is shutting down.", "")
		return
	}
	s.serve(w, r)
}

// scope returns the scope of a server, or of all for "". It is nil once Run has ended.
func (e *Endpoint) scope(server string) *scope {
	e.mu.Lock()
	s, closed := e.scopes[server], e.closed
	e.mu.Unlock()
	if s != nil || closed {
		return s
	}
	made := e.newScope(server)
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.scopes[server]; s != nil || e.closed {
		return s
	}
	// Run reads the newest catalog before it looks at the scopes, so a change is either in here or still ahead of it.
	made.announced = made.versions(e.newest.Load())
	e.scopes[server] = made
	return made
}

// A refusedRequest is the error document that all our routes answer with.
type refusedRequest struct {
	Error struct {
		Code string `json:"code"`
		Text string `json:"text"`
		Hint string `json:"hint,omitempty"`
	} `json:"error"`
}

func refuse(w http.ResponseWriter, status int, code, text, hint string) {
	var doc refusedRequest
	doc.Error.Code, doc.Error.Text, doc.Error.Hint = code, text, hint
	writeJSON(w, status, doc)
}
