package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/guard"
	"mcpproxy-tray/internal/core/history"
	"mcpproxy-tray/internal/core/httpapi"
	"mcpproxy-tray/internal/core/metrics"
	"mcpproxy-tray/internal/core/proxy"
	"mcpproxy-tray/internal/core/question"
	"mcpproxy-tray/internal/core/search"
	"mcpproxy-tray/internal/core/shellpath"
	"mcpproxy-tray/internal/core/store"
	"mcpproxy-tray/internal/core/supervisor"
	"mcpproxy-tray/internal/keep"
	"mcpproxy-tray/internal/stateview"
)

// Options are what a Core needs.
type Options struct {
	Dirs       config.Dirs
	ConfigFile string         // "" = Dirs.ConfigFile()
	Listen     string         // "" = as the configuration says
	Version    string         // of this program
	Self       string         // path of this program; the command "mcpproxy-tray" of a server means it
	Tree       *guard.Tree    // starts and ends the servers' processes; nil: one without a guard
	Logger     *slog.Logger   // nil discards
	Level      *slog.LevelVar // follows the configuration's log_level; nil: the level is not ours to set
	Show       func()         // shows the program to its user when it is started again; nil: it has no face
	Tray       func() Tray    // nil: runs without a tray
	Configured func()         // told when another configuration is in force; must not block; may be nil
	Woke       func()         // told first when the machine was asleep; must not block; may be nil
}

// Tray says how the tray icon is.
type Tray struct {
	Running  bool   // whether the program was asked to show an icon
	Attached bool   // whether something shows it
	Reason   string // why not, for people; empty if something does
}

// A Core is the program without its face. Open makes one; Run runs it once.
// Its other methods may be called concurrently, also before Run.
type Core struct {
	o        Options
	log      *slog.Logger
	file     *config.File
	store    *store.Store // nil if it cannot be used; a problem says so
	super    *supervisor.Supervisor
	endpoint *proxy.Endpoint
	api      *httpapi.Server
	listener net.Listener
	url      string
	asked    string // address that the configuration asked for when it was opened
	logs     *serverLogs
	path     *shellpath.Resolver
	desk     *question.Desk
	quit     chan struct{} // one slot: somebody asked the program to end
	switches *keep.Value[switches]
	woke     chan struct{} // one slot: the machine was asleep
	metrics  *metrics.Program
	history  *history.History
	unlock   func() error

	cfg     atomic.Pointer[config.Config] // in force
	ready   atomic.Bool                   // the read model has the servers of the configuration
	problem problems
	warned  sync.Map // text of a warning -> true

	reload sync.Mutex // serialises reading the configuration and applying it
}

// Open takes the data directory, reads the configuration and listens. It
// returns an *AlreadyRunningError if another instance has the directory, and
// errors that have a Problem for people. Close releases everything, unless Run
// did. ctx bounds the opening alone.
func Open(ctx context.Context, o Options) (*Core, error) {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.ConfigFile = cmp.Or(o.ConfigFile, o.Dirs.ConfigFile())
	if o.Tree == nil {
		o.Tree = guard.New()
	}
	c := &Core{
		o: o, log: o.Logger.With("component", "core"),
		file: config.Open(o.ConfigFile),
		logs: &serverLogs{dirs: o.Dirs},
		path: shellpath.New(shellpath.Options{Processes: o.Tree, Logger: o.Logger}),
		quit: make(chan struct{}, 1), woke: make(chan struct{}, 1),
	}
	unusable := o.Dirs.Make()
	if unusable != nil {
		c.problem.set("dirs", readOnlyProblem(unusable))
	}
	var err error
	if c.unlock, err = takeLock(ctx, o.Dirs); err != nil {
		if _, running := errors.AsType[*AlreadyRunningError](err); !running && unusable != nil {
			return nil, unusable // it is why, and has words
		}
		return nil, err
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// open does what needs the lock.
func (c *Core) open() error {
	c.claim()
	c.noteCrash()
	first := c.firstRun()
	c.switches = keep.Open[switches](c.switchesFile())
	if old := c.switches.Damaged(); old != "" {
		c.problem.set("switches", stateview.Problem{Code: "MPT-SWITCHES-DAMAGED",
			Text: "It is not known any more whether calls were paused, and which servers were on for a time only: the file of that was damaged.",
			Hint: fmt.Sprintf("Look whether all is switched as you want it. What was left of the file is kept as %s.", old)})
	}
	c.switchOff()
	cfg, err := c.file.Load()
	if err != nil {
		c.configProblem(err)
		cfg = config.Fallback()
	}
	c.cfg.Store(cfg)
	c.asked = cfg.Listen
	c.setLevel(cfg)
	c.noteConfig(cfg)
	c.warn(cfg)
	c.openStore()
	view := stateview.New()
	c.metrics = metrics.New(view, c.o.Version)
	c.newHistory(cfg)
	c.super = supervisor.New(c.supervisorOptions(view))
	c.super.Apply(cfg)
	if first && err == nil {
		c.approveFirst(cfg)
	}
	c.desk = question.NewDesk(func() time.Duration { return c.cfg.Load().Timeouts.Question }, c.staffed)
	announced, _ := c.metrics.Endpoint.Follow()
	c.endpoint = proxy.New(proxy.Options{
		View: c.StateView(), Upstreams: relay{c}, Version: c.o.Version, Logger: c.o.Logger,
		Grace: cfg.Timeouts.Grace, Follow: c.super.Follow, Desk: c.desk, Recorder: c.history,
		Read: c.metrics.Endpoint.Read, Announced: announced,
	})
	if c.listener, err = httpapi.Listen(cmp.Or(c.o.Listen, cfg.Listen)); err != nil {
		return err
	}
	c.url = httpapi.URL(c.listener.Addr())
	tokens, problems := httpapi.LoadTokens(c.o.Dirs.Data)
	for i, p := range problems {
		c.problem.set(fmt.Sprintf("token%d", i), p)
	}
	c.api = httpapi.New(httpapi.Options{
		View: c.StateView(), Commands: c, Addr: c.listener.Addr(), Tokens: tokens, Status: c.status,
		MCP: c.endpoint, MCPOpen: func() bool { return c.cfg.Load().MCPAuth == "none" }, Ready: c.ready.Load,
		Show: c.o.Show, Quit: c.Quit, Desk: c.desk, Logger: c.o.Logger,
		LogFile: c.LogFile, FindTools: c.findTools, ApprovedTool: c.approvedTool, History: c.history,
		Metrics: c.metrics.Write, Read: c.metrics.API.Read, Follow: c.metrics.Stream.Follow,
	})
	return nil
}

// claim ends what a run that was killed together with its guard has left.
func (c *Core) claim() {
	left, err := c.o.Tree.Claim(c.o.Dirs.Data)
	if len(left) > 0 {
		c.log.Warn("processes of an earlier run were ended", "pids", left)
	}
	if err != nil {
		c.log.Error("processes of an earlier run are left", "err", err)
	}
}

func (c *Core) setLevel(cfg *config.Config) {
	if c.o.Level != nil {
		c.o.Level.Set(cfg.LogLevel)
	}
}

// firstRun writes the configuration of a first run if there is none, and reports whether it did.
func (c *Core) firstRun() bool {
	if _, err := os.Stat(c.o.ConfigFile); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err := config.Create(c.o.ConfigFile, config.Default()); err != nil {
		c.log.Warn("no configuration was written", "err", err)
		return false
	}
	c.log.Info("first run: configuration written", "path", c.o.ConfigFile)
	return true
}

// approveFirst approves what we wrote ourselves, so that the first run shows a
// connected server. Nothing else is ever approved without a person.
func (c *Core) approveFirst(cfg *config.Config) {
	for _, s := range cfg.Servers {
		if err := c.super.ApproveConfigured(s, "first run"); err != nil {
			c.log.Warn("the demo server was not approved", "server", s.Name, "err", err)
		}
	}
}

func (c *Core) openStore() {
	st, err := store.Open(c.o.Dirs.Database())
	if err == nil {
		c.store = st
		if st.ReadOnly() {
			c.problem.set("store", stateview.Problem{Code: store.ReadOnly, Text: "The program's database cannot be written: nothing can be approved.",
				Hint: "Make " + c.o.Dirs.Database() + " and its folder writable for your user, then start again."})
		}
		return
	}
	c.log.Error("the store cannot be used", "err", err)
	p := stateview.Problem{Code: store.Unwritable, Text: "The program cannot remember anything.", Hint: "See the log."}
	if e, ok := errors.AsType[*store.Error](err); ok {
		p = stateview.Problem{Code: e.Code, Text: e.Text, Hint: e.Hint}
	}
	p.Text += " Approvals are not available."
	c.problem.set("store", p)
}

// Close releases what Open took. Run calls it; it must not be called while Run runs.
func (c *Core) Close() error {
	var errs []error
	if c.listener != nil {
		if err := c.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if c.store != nil {
		errs = append(errs, c.store.Close())
	}
	c.logs.close()
	if c.unlock != nil {
		errs = append(errs, c.unlock())
	}
	return errors.Join(errs...)
}

// Run supervises and serves until ctx is done or somebody asks it to quit, then
// ends everything in order and closes the Core. It returns nil if that is why.
func (c *Core) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The history outlives those that write to it.
	storing, stopStoring := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStoring()
	var stores, workers sync.WaitGroup
	stores.Go(func() { c.report("history", c.history.Run(storing)) })
	transitions := c.super.Subscribe(storing) // before the first can happen; they end with the supervisor
	workers.Go(func() { c.record(transitions) })
	work := func(name string, run func(context.Context) error) {
		workers.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	work("supervisor", c.super.Run)
	work("endpoint", c.endpoint.Run)
	work("http", func(ctx context.Context) error { return c.api.Serve(ctx, c.listener) })
	work("machine", c.watchMachine)
	workers.Go(func() { c.path.Path(ctx) }) // so that the first server need not wait for it
	workers.Go(func() { c.forgetCrash(ctx) })
	workers.Go(func() { c.watchConfig(ctx) })
	workers.Go(func() { c.watchEnds(ctx) })
	c.sync(ctx) // who finds this instance finds its servers
	c.ready.Store(true)
	if err := writeInstance(c.o.Dirs, c.instance()); err != nil {
		c.log.Warn("other commands will not find this instance", "err", err)
	}
	c.log.Info("serving", "url", c.url)

	select {
	case <-ctx.Done():
	case <-c.quit:
		cancel(errQuit)
	}
	c.log.Info("stopping")
	c.o.Tree.Close() // nothing starts any more
	// Who starts the program now must not take this instance for one that goes on.
	if err := os.Remove(c.o.Dirs.Instance()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("instance file was left", "err", err)
	}
	workers.Wait()
	stopStoring()
	stores.Wait()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, errQuit) {
		err = nil
	}
	return errors.Join(err, c.Close())
}

// errQuit is the cause of an end that a person asked for.
var errQuit = errors.New("quit")

func (c *Core) report(name string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		c.log.Error("part of the program ended", "part", name, "err", err)
	}
}

// Quit asks Run to end. It returns at once and may be called more than once.
func (c *Core) Quit() {
	select {
	case c.quit <- struct{}{}:
	default:
	}
}

// StateView returns the read model, which the supervisor alone writes.
func (c *Core) StateView() *stateview.View { return c.super.StateView() }

// Metrics returns the counts of what the program does, for what shows it to count in.
func (c *Core) Metrics() *metrics.Program { return c.metrics }

// URL returns where it listens, e.g. "http://127.0.0.1:7420".
func (c *Core) URL() string { return c.url }

// PageURL returns an address at which a browser sees the status page, once and within a minute.
func (c *Core) PageURL() string { return c.api.PageURL() }

// EndpointURL returns the address for AI clients.
func (c *Core) EndpointURL() string { return c.url + "/mcp" }

// Config returns the configuration in force. It must not be changed.
func (c *Core) Config() *config.Config { return c.cfg.Load() }

// Questions returns what servers ask the user and wait for, oldest first, and a channel
// that is closed when that changes.
func (c *Core) Questions() (open []question.Question, changed <-chan struct{}) {
	changed = c.desk.Changed()
	return c.desk.Open(), changed
}

// staffed reports whether the user would see a question.
func (c *Core) staffed() bool {
	return c.o.Tray != nil && c.o.Tray().Attached && c.cfg.Load().Timeouts.Question > 0
}

// findTools searches the tools for the API.
func (c *Core) findTools(q httpapi.ToolQuery) (found []httpapi.FoundTool) {
	for _, t := range c.endpoint.Search(search.Query{Text: q.Text, Server: q.Server, Limit: q.Limit}) {
		found = append(found, httpapi.FoundTool{Name: t.Name, Server: t.Server, Own: t.Own, Score: t.Score, Signature: t.Signature, Description: t.Description})
	}
	return found
}

// ConfigFile returns the path of the configuration file.
func (c *Core) ConfigFile() string { return c.o.ConfigFile }

// LogFile returns the path of a server's log.
func (c *Core) LogFile(server string) string { return c.o.Dirs.ServerLog(server) }
