package upstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
)

// Timeouts of a connection. Zero fields have the defaults.
type Timeouts struct {
	Start     time.Duration // until the handshake is done; 30 s
	Install   time.Duration // the same for package runners such as npx, which may download; 120 s
	Probe     time.Duration // until a server that ignores server/discover is taken for an older one; 3 s
	Write     time.Duration // until a server that neither reads its input nor says anything is given up; 60 s
	Headers   time.Duration // until a remote server must have begun to answer anything but a call; 10 s
	StopInput time.Duration // between closing a process's input and asking it to end; 2 s
	StopAsk   time.Duration // between asking and killing; 3 s
}

func (t Timeouts) withDefaults() Timeouts {
	return Timeouts{
		Start:     cmp.Or(t.Start, 30*time.Second),
		Install:   cmp.Or(t.Install, 120*time.Second),
		Probe:     cmp.Or(t.Probe, 3*time.Second),
		Write:     cmp.Or(t.Write, 60*time.Second),
		Headers:   cmp.Or(t.Headers, 10*time.Second),
		StopInput: cmp.Or(t.StopInput, 2*time.Second),
		StopAsk:   cmp.Or(t.StopAsk, 3*time.Second),
	}
}

// DefaultMaxBytes is the largest message taken from a server unless told
// otherwise: 16 MB, which leaves room for a few images in one result.
const DefaultMaxBytes = 16 << 20

// A Connector opens sessions. Its fields must not change once it is used; the
// zero value works for remote servers. It may be used concurrently.
type Connector struct {
	Processes Processes                   // for servers with a command; needed for those alone
	Version   string                      // ours, told to the servers
	Self      string                      // path of this binary: the command "mcpproxy-tray" means it
	ServerLog func(name string) io.Writer // where a server's stderr and stray output go; closed if it is an io.Closer; may be nil
	Transport http.RoundTripper           // for remote servers; nil means a clone of http.DefaultTransport per session
	Logger    *slog.Logger                // nil discards
	Timeouts  Timeouts
	MaxBytes  int // of one message; 0 means DefaultMaxBytes

	// Path returns the PATH in which commands are searched and which servers get;
	// it may block. nil means this program's own.
	Path func(context.Context) string

	// PathFiles returns the files with whose change the answer of Path may change;
	// nil means none.
	PathFiles func() []string

	// Notify is told what a server says to all clients, such as that a resource was
	// updated. It must not block; params are its own to keep. nil drops it.
	Notify func(server, method string, params json.RawMessage)

	// StartTimeout is asked at each attempt and replaces Timeouts.Start; nil means that.
	StartTimeout func() time.Duration

	silent recent[struct{}] // by launch: servers that do not answer server/discover
	tried  recent[attempt]  // by name: what the latest start of a server depended on
	pace   pace

	// lookoutMu guards lookout, which is nil while no server waits for a change.
	lookoutMu sync.Mutex
	lookout   *lookout
}

// Connect opens a session: it starts or contacts the server and completes the
// handshake. ctx bounds the attempt only; the session has the values of ctx.
// Errors that people must understand have Problem and Class methods.
func (c *Connector) Connect(ctx context.Context, srv config.Server) (*Session, error) {
	if srv.Err != nil {
		return nil, srv.Err
	}
	written := srv
	var given collector
	srv, err := srv.Expand(given.listen(c.lookupEnv(ctx)))
	if err != nil {
		return nil, given.secrets().cover(expandError(err))
	}
	given.server(srv)
	start := c.limits().Start
	if c.StartTimeout != nil {
		start = c.StartTimeout()
	}
	if packageRunner(srv.Command) {
		start = max(start, c.limits().Install)
	}
	late := pStartTimeout.with(start)
	if srv.URL != "" {
		late = pNetTimeout.with(hostOf(srv.URL))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, start, late)
	defer cancel()
	s, err := c.open(ctx, srv, written, given.secrets())
	if err != nil {
		return nil, given.secrets().cover(err)
	}
	return s, nil
}

func (c *Connector) open(ctx context.Context, srv, written config.Server, hide secrets) (*Session, error) {
	switch srv.Transport {
	case "http":
		s, err := c.openHTTP(ctx, srv, hide)
		// "If it fails with an HTTP 4xx status code (e.g., 405 Method Not Allowed or 404
		// Not Found): Issue a GET request to the server URL, expecting that this will open
		// an SSE stream and return an endpoint event as the first event."
		// [specification 2025-06-18, Backwards Compatibility]
		if err != nil && isRefusal(err) {
			if old, oldErr := c.openSSE(ctx, srv, hide); oldErr == nil {
				return old, nil
			}
		}
		return s, err
	case "sse":
		return c.openSSE(ctx, srv, hide)
	default:
		return c.openStdio(ctx, srv, written, hide)
	}
}

func (c *Connector) openStdio(ctx context.Context, srv, written config.Server, hide secrets) (*Session, error) {
	c.remember(srv, c.searchPath(ctx, srv))
	cmd, err := c.command(ctx, srv, written)
	if err != nil {
		return nil, err
	}
	s := c.newSession(ctx, srv, "stdio", hide)
	var log io.Writer
	if c.ServerLog != nil {
		log = c.ServerLog(srv.Name)
	}
	child, err := startChild(c.Processes, cmd, s.wire, log, c.limits(), c.maxBytes())
	if err != nil {
		closeLog(log)
		s.wire.end(err)
		return nil, startError(cmd.Path, written.Command, err)
	}
	s.child = child
	return s, c.greet(ctx, s, srv)
}

func (c *Connector) newSession(ctx context.Context, srv config.Server, transport string, hide secrets) *Session {
	log := cmp.Or(c.Logger, slog.New(slog.DiscardHandler)).With("component", "upstream", "server", srv.Name)
	s := &Session{
		name:      srv.Name,
		transport: transport,
		version:   c.Version,
		log:       log,
		wire:      newWire(ctx, log, c.limits().Probe),
		catalog:   catalog{busy: make(chan struct{}, 1)},
		wished:    make(chan struct{}, 1),
	}
	s.wire.secrets = hide
	if c.Notify != nil {
		s.wire.notify = func(method string, params json.RawMessage) { c.Notify(srv.Name, method, params) }
	}
	s.wish.Store(&call.Wish{})
	return s
}

// greet completes the handshake, or closes the session and says why it cannot.
func (c *Connector) greet(ctx context.Context, s *Session, srv config.Server) error {
	launch := srv.CommandLine()
	opts := &mcp.ClientSessionOptions{}
	if _, silent := c.silent.Load(launch); silent {
		opts.ProtocolVersion = lastLegacy
	}
	if srv.Revision != "" && srv.Revision < firstModern {
		opts.ProtocolVersion = srv.Revision
	}
	err := s.handshake(ctx, opts)
	if err != nil {
		err = s.whyFailed(ctx, err)
	}
	silent := s.wire.silent.Load() || hasEntry(err, pExitEarly)
	switch {
	case opts.ProtocolVersion == "" && silent:
		c.silent.Store(launch, struct{}{}) // next time it is greeted the old way at once
	case err != nil:
		c.silent.Delete(launch)
	}
	if err == nil {
		s.obey()
		return nil
	}
	s.wire.end(err)
	return errors.Join(s.Close(), err) // what cannot be ended is the worse news, so callers find it first
}

func (c *Connector) limits() Timeouts { return c.Timeouts.withDefaults() }

func (c *Connector) maxBytes() int { return cmp.Or(c.MaxBytes, DefaultMaxBytes) }

// packageRunner reports whether a command may have to download what it runs.
func packageRunner(command string) bool {
	name := strings.ToLower(filepath.Base(command))
	switch strings.TrimSuffix(strings.TrimSuffix(name, ".exe"), ".cmd") {
	case "npx", "pnpx", "bunx", "uvx", "uv", "pipx", "docker", "podman", "deno", "npm", "pnpm", "yarn", "bun", "go", "dnx":
		return true
	}
	return false
}

// expandError words an error of the configuration's values.
func expandError(err error) error {
	bad, ok := errors.AsType[*config.Error](err)
	if !ok {
		return err
	}
	return pExpand.with(strings.TrimSuffix(bad.Text, ".")).because(err).add(bad.Hint)
}

// whyFailed finds the words for a handshake that failed.
func (s *Session) whyFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		cause := context.Cause(ctx)
		if known, ok := errors.AsType[*Error](cause); ok && s.child != nil {
			return known.add(s.child.tail.hint())
		}
		return cause
	}
	if cause := s.wire.cause(); cause != nil && !errors.Is(cause, errClosed) {
		return cause
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if wire, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return pHandshake.with(s.wire.secrets.show(wire.Message, 200)).because(err)
	}
	if strings.Contains(err.Error(), "unsupported protocol version") { // the library's type is not exported
		return pVersion.with(s.wire.secrets.show(err.Error(), 100)).because(err)
	}
	return pGreeting.with().because(err) // the library met something else than it knows, and says so in Go's words
}
