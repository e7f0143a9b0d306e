package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// lastLegacy is the newest revision that begins with initialize.
const lastLegacy = "2025-11-25"

// A Session is a live connection to one server. All methods may be called
// concurrently. Close unblocks the others; it may be called more than once, and
// must be called, also after the session has ended by itself.
type Session struct {
	name      string
	transport string
	version   string
	log       *slog.Logger
	wire      *wire
	child     *child  // of a stdio server; else nil
	remote    *remote // of an HTTP server; else nil

	client     *mcp.ClientSession // set by handshake
	protocol   string             // negotiated revision
	hop        []byte             // what each request carries in its _meta for this hop
	declared   kinds              // what the server has lists of
	announces  kinds              // of those, what it says the changes of
	subscribes bool               // it tells of updates of resources
	logs       bool               // it has log messages

	wish   atomic.Pointer[call.Wish] // what the clients want to be told; never nil
	wished chan struct{}             // one slot: that changed

	catalog catalog

	closeOnce sync.Once
	closeErr  error
}

// handshake lets the library negotiate.
func (s *Session) handshake(ctx context.Context, opts *mcp.ClientSessionOptions) error {
	options := &mcp.ClientOptions{
		Capabilities:   &mcp.ClientCapabilities{}, // not the default, which offers roots; see withCallers
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true},
	}
	client := mcp.NewClient(&mcp.Implementation{Name: clientName, Version: s.version}, options)
	// The library does not give up a handshake at the end of ctx while it writes.
	stop := context.AfterFunc(ctx, func() { s.wire.end(context.Cause(ctx)) })
	session, err := client.Connect(ctx, s.wire, opts)
	if !stop() && err == nil {
		session.Close()
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	greeting := session.InitializeResult()
	s.client = session
	s.protocol = greeting.ProtocolVersion
	s.hop = hopMeta(s.protocol, s.version)
	s.declare(greeting.Capabilities)
	s.catalog.about = s.wire.about()
	s.wire.protocol.Store(&s.protocol)
	return nil
}

// declare notes what a server of these capabilities has.
func (s *Session) declare(caps *mcp.ServerCapabilities) {
	if caps == nil {
		return
	}
	note := func(k kinds, has, announces bool) {
		if has {
			s.declared |= k
		}
		if announces {
			s.announces |= k
		}
	}
	note(kindTools, caps.Tools != nil, caps.Tools != nil && caps.Tools.ListChanged)
	note(kindPrompts, caps.Prompts != nil, caps.Prompts != nil && caps.Prompts.ListChanged)
	note(kindResources, caps.Resources != nil, caps.Resources != nil && caps.Resources.ListChanged)
	s.subscribes = caps.Resources != nil && caps.Resources.Subscribe
	//lint:ignore SA1019 servers of older revisions log
	s.logs = caps.Logging != nil
}

// Describe fills in what is known of a session: Transport, Protocol and PID.
func (s *Session) Describe(st *stateview.ServerStatus) {
	st.Transport, st.Protocol, st.PID = stateview.ParseTransport(s.transport), s.protocol, 0
	if s.child != nil {
		st.PID = int32(s.child.cmd.Process.Pid)
	}
}

// Request sends a request and returns the bytes of the answer's "result" member,
// or those of its "error" member, both without line breaks, or an error if there
// is no answer: then it may or may not have been carried out, unless the error has a
// method Unsent that returns true. params are sent as they are, but for the members
// of _meta that describe one hop and the progress token, which the client gets back
// as it was. Admit is not asked.
func (s *Session) Request(ctx context.Context, req call.Request) (result, rpcErr json.RawMessage, err error) {
	id := s.wire.nextID.Add(1)
	params, token, err := s.hopOf(req.From, id).rewrite(req.Params)
	if err != nil {
		return nil, nil, fmt.Errorf("request %q to server %q: %w", req.Method, s.name, unsent(err))
	}
	r, err := s.wire.exchange(ctx, id, newPending(req.From, token), req.Method, params)
	if err != nil {
		return nil, nil, fmt.Errorf("request %q to server %q: %w", req.Method, s.name, s.wire.secrets.cover(err))
	}
	return r.result, r.err, nil
}

// hopOf returns what a request of that id carries for this hop.
func (s *Session) hopOf(from call.Client, id uint64) hop {
	h := hop{members: s.hop, id: id}
	if s.hop == nil {
		return h
	}
	h.level = s.wish.Load().LogLevel
	if from != nil {
		h.passLevel = from.Modern()
		if caps := from.Capabilities(); len(caps) > 0 {
			h.members = withCapabilities(s.hop, caps)
		}
	}
	return h
}

// Changed returns a one-slot signal: the server said that something changed which
// Lists returns.
func (s *Session) Changed() <-chan struct{} { return s.wire.changed }

// Counts returns what the session has thrown away so far.
func (s *Session) Counts() Counts { return s.wire.counts.read() }

// Wait blocks until the session has ended, and returns why. After Close it returns nil.
func (s *Session) Wait() error {
	<-s.wire.life.Done()
	if err := s.wire.cause(); !errors.Is(err, errClosed) {
		return err
	}
	return nil
}

// Close ends the session and all that belongs to it; a process that does not
// end by itself is asked and then killed. It returns within the sum of the stop
// timeouts and a few seconds; an error means that something could not be ended.
func (s *Session) Close() error {
	s.closeOnce.Do(func() {
		if s.remote != nil && s.wire.cause() == nil {
			s.remote.leave()
		}
		s.wire.end(errClosed)
		if s.child != nil {
			s.closeErr = s.child.awaitEnd()
		}
		if s.remote != nil {
			s.remote.close()
		}
		s.settle()
		if s.client != nil {
			_ = s.client.Close() // its connection has ended; nothing is left that could fail
		}
		if n := s.Counts(); n != (Counts{}) {
			s.log.Info("session ended; not all that the server sent could be used", "skipped_lines", n.SkippedLines,
				"dropped_bytes", n.DroppedBytes, "stray_replies", n.StrayReplies)
		}
	})
	return s.closeErr
}

// settle waits for what runs beside the callers. On Windows a write to a process that
// cannot be ended cannot be ended either: it is left behind then.
func (s *Session) settle() {
	if s.child == nil {
		s.wire.calls.Wait()
		return
	}
	done := make(chan struct{})
	go func() { // ends with the last of them
		s.wire.calls.Wait()
		close(done)
	}()
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		s.log.Warn("a write to the server's input does not end")
	}
}
