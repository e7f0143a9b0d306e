package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// Upstreams sends requests to the servers. The proxy declares it; the
// supervisor implements it.
type Upstreams interface {
	// Request sends a request and waits for its answer: the bytes of either its
	// result or its error, or err if the server went away, when the request may
	// or may not have run. Both are valid JSON; who implements Request has made
	// sure of that. It ends when ctx does. It may have to wait until the server is
	// there, which may be another one by then: that is what the request's Admit is for.
	Request(ctx context.Context, server string, r call.Request) (result, rpcErr json.RawMessage, err error)
}

// modern is the first revision without sessions.
const modern = "2026-07-28"

// middleware lets the library do handshakes, with our greeting, pings and
// subscriptions; it is asked nothing else.
func (s *scope) middleware(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		switch {
		case method == "ping", method == "subscriptions/listen", strings.HasPrefix(method, "notifications/"):
			return next(ctx, method, req)
		case method == "logging/setLevel":
			if err := s.setLevel(req); err != nil {
				return nil, err
			}
			return next(ctx, method, req)
		case sessionsOwn(method):
			return next(ctx, method, req)
		case method != "initialize" && method != "server/discover":
			return nil, notOffered(method)
		}
		answered, err := next(ctx, method, req)
		if err != nil {
			return nil, err
		}
		if id := req.GetSession().ID(); method == "initialize" && id != "" && !s.leases.add(id) {
			return nil, internalError("The program is shutting down.")
		}
		return s.greet(answered), nil
	}
}

// answer answers a request: from here, or by relaying it.
func (s *scope) answer(ctx context.Context, from *caller, m *message, asker call.Client) reply {
	if k, ok := listedBy(m.method); ok {
		return s.listPage(k, from, m)
	}
	if len(m.params) > 0 && m.params[0] != '{' {
		return errorReply(invalid("The params of a request are an object."))
	}
	return s.relay(ctx, from, m, asker)
}

// listPage answers a list method, all in one page.
func (s *scope) listPage(k kind, from *caller, m *message) reply {
	// We never give out a cursor.
	if c := m.cursor; c != nil && string(c) != "null" && string(c) != `""` {
		return errorReply(invalid("This cursor is not one of ours."))
	}
	c := s.catalog()
	if s.search != nil && k == tools {
		return reply{pieces: listResult(k, searchTools, from.modern, s.self)}
	}
	if !c.has(s.server, k) {
		return errorReply(notOffered(m.method))
	}
	list := c.listsOf(s.server)[k]
	s.leases.saw(from.session, k, list.version)
	return reply{pieces: listResult(k, list.text(), from.modern, s.info(c))}
}

// relay sends a request on and waits for its answer. asker is whom its server may ask.
func (s *scope) relay(ctx context.Context, from *caller, m *message, asker call.Client) reply {
	c := s.catalog()
	to, err := s.route(c, m, from.modern)
	to.note = s.begin(c, from, m)
	defer to.note.end()
	if err != nil {
		to.note.refuse(err)
		return errorReply(err)
	}
	if to.answer != nil {
		to.note.refuse(to.refused)
		return resultReply(m.method, to.answer, from.modern)
	}
	asker, over := s.atDesk(ctx, asker, to.server)
	defer over()
	result, failed := s.request(ctx, to, m.method, asker)
	for round := 0; failed == nil && asker != nil && wantsInput(result) && (!from.modern || asksAtDesk(asker, result)); round++ {
		var more json.RawMessage
		if more, failed = s.ask(ctx, to.server, result, asker, round); failed == nil {
			to.params = withInput(to.params, more)
			result, failed = s.request(ctx, to, m.method, asker)
		}
	}
	if failed == nil && !from.modern && wantsInput(result) { // in a batch nobody can be asked
		to.note.broke()
		return errorReply(internalError(fmt.Sprintf("The server %q asks for something, and in a batch the client cannot be asked.", to.server)))
	}
	if failed != nil {
		to.note.broke()
		return *failed
	}
	if to.finish != nil {
		result = to.finish(result)
	}
	return resultReply(m.method, result, from.modern)
}

// request sends a request where it is routed to. It returns the result, or what to
// answer in its place.
func (s *scope) request(ctx context.Context, to route, method string, asker call.Client) (json.RawMessage, *reply) {
	var refused error
	admit := func() error {
		refused = to.admit()
		return refused
	}
	result, rpcErr, err := s.upstreams.Request(ctx, to.server, call.Request{Method: method, Params: to.params, Admit: admit, From: asker})
	var failed reply
	to.note.answered(to.params, result, rpcErr)
	switch {
	case refused != nil:
		to.note.refuse(refused)
		failed = errorReply(refused)
	case err != nil:
		s.logger.Debug("call broke", "server", to.server, "method", method, "err", err)
		why := brokenCall(ctx, to.server, err)
		to.note.unanswered(ctx, err, why)
		failed = errorReply(why)
	case rpcErr != nil:
		to.note.broke()
		failed = serverErrorReply(rpcErr)
	case len(result) == 0 || result[0] != '{':
		to.note.broke()
		failed = errorReply(internalError(fmt.Sprintf("The server %q answered with something that is not a result.", to.server)))
	default:
		return result, nil
	}
	return nil, &failed
}

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

// unsent is an error of a request that did not reach its server.
type unsent interface {
	error
	Unsent() bool
}

// brokenCall words a call without an answer. It is never sent again.
func brokenCall(ctx context.Context, server string, err error) error {
	if ctx.Err() != nil {
		return internalError("The call was cancelled; it may or may not have run.")
	}
	why := "The connection to it broke."
	if e, ok := errors.AsType[explained](err); ok {
		why = e.Problem().Text
	}
	if e, ok := errors.AsType[unsent](err); ok && e.Unsent() {
		return internalError(fmt.Sprintf("The server %q was not asked. %s", server, why))
	}
	return internalError(fmt.Sprintf("The server %q did not answer the call, which may or may not have run. %s", server, why))
}

// refusal says why a tool cannot be called now, or nil. It says nothing that
// the client did not say and no word of the server's.
func refusal(c *catalog, id toolID, asked string) error {
	st, ok := c.snap.GetServer(id.server)
	if !ok {
		return unknown(c, tools, asked)
	}
	held, ok := c.offer(id.server).held[id.tool]
	if err := stateRefusal(st.Name, st.State); err != nil && !(ok && away(&st)) {
		return err
	}
	switch {
	case !ok:
		return unknown(c, tools, asked)
	case held:
		return invalid(fmt.Sprintf("The tool %q is held back until a person approves it in mcpproxy-tray.", shorten(asked)))
	}
	return nil
}

func stateRefusal(server string, state stateview.State) error {
	switch state {
	case stateview.Connected:
		return nil
	case stateview.Disabled:
		return invalid(fmt.Sprintf("The server %q is disabled.", server))
	case stateview.Quarantined:
		return invalid(fmt.Sprintf("The server %q is held back until a person approves it in mcpproxy-tray.", server))
	case stateview.AuthRequired:
		return internalError(fmt.Sprintf("The server %q waits for a person to sign in; the call was not sent.", server))
	case stateview.Failed:
		return internalError(fmt.Sprintf("The server %q does not work and needs a person; the call was not sent.", server))
	}
	return internalError(fmt.Sprintf("The server %q is not connected right now; the call was not sent.", server))
}

// shorten keeps an answer that repeats a client's words small.
func shorten(s string) string {
	const most = 128 // bytes: more than names usually have; what is cut off is only not repeated
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func invalid(text string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: text}
}

func internalError(text string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: text}
}
