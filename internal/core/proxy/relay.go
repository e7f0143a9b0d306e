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
	"mcpproxy-tray/internal/core/rawjson"
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

// placeholder is a result that is encoded as an exchange's key.
type placeholder struct {
	mcp.ResultBase
	key string
}

func (p *placeholder) MarshalJSON() ([]byte, error) { return quote(p.key), nil }

// relayedParams are the params of a method that the library does not know.
type relayedParams struct{ mcp.ParamsBase }

// acceptAll has the library take requests that it does not know. What it would do
// with them is nothing: the middleware answers.
func acceptAll(s *mcp.Server) {
	_ = mcp.AddReceivingCustomMethod(s, relayMethod, func(context.Context, *mcp.ServerSession, *relayedParams) (*placeholder, error) {
		return nil, errUnread
	}) // it is no standard method
}

// middleware answers what is relayed and refuses what the endpoint does not
// offer; negotiation, ping and subscriptions stay with the library.
func (s *scope) middleware(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if method == "ping" || method == "subscriptions/listen" || strings.HasPrefix(method, "notifications/") {
			return next(ctx, method, req)
		}
		key, _ := req.GetParams().GetMeta()[exchangeKey].(string)
		x := s.exchanges.find(key)
		if x == nil {
			return nil, errUnread
		}
		if method == "initialize" || method == "server/discover" {
			answered, err := next(ctx, method, req)
			if err != nil {
				return nil, err
			}
			return s.greet(x, answered), nil
		}
		era, ok := req.(interface{ ProtocolVersion() string })
		modern := ok && isModern(era.ProtocolVersion())
		if k, ok := listedBy(method); ok {
			return s.listPage(k, req.GetSession().ID(), x, modern)
		}
		return s.relay(ctx, x, modern)
	}
}

// errUnread is the answer to a request that the front did not take apart, which no valid one is.
var errUnread = &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "The request could not be read."}

// listPage answers a list method, all in one page.
func (s *scope) listPage(k kind, session string, x *exchange, modern bool) (mcp.Result, error) {
	// We never give out a cursor.
	if c := x.msg.cursor; c != nil && string(c) != "null" && string(c) != `""` {
		return nil, invalid("This cursor is not one of ours.")
	}
	c := s.catalog()
	if s.search != nil && k == tools {
		x.reply(listResult(k, searchTools, modern, s.self)...)
		return &placeholder{key: x.key}, nil
	}
	if !c.has(s.server, k) {
		return nil, notOffered(x.msg.method)
	}
	list := c.listsOf(s.server)[k]
	s.leases.saw(session, k, list.version)
	x.reply(listResult(k, list.text(), modern, s.info(c))...)
	return &placeholder{key: x.key}, nil
}

func (s *scope) relay(ctx context.Context, x *exchange, modern bool) (mcp.Result, error) {
	to, err := s.route(s.catalog(), &x.msg, modern)
	if err != nil {
		return nil, err
	}
	if to.answer != nil {
		return x.result(to.answer, modern), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Without resumption the answer of a legacy session, too, is lost with its request.
	defer context.AfterFunc(x.ctx, func() { cancel(context.Cause(x.ctx)) })()

	var refused error
	admit := func() error {
		refused = to.admit()
		return refused
	}
	result, rpcErr, err := s.upstreams.Request(ctx, to.server, call.Request{Method: x.msg.method, Params: to.params, Admit: admit})
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		s.logger.Debug("call broke", "server", to.server, "method", x.msg.method, "err", err)
		return nil, brokenCall(ctx, to.server, err)
	case rpcErr != nil:
		return nil, x.replyError(rpcErr)
	case len(result) == 0 || result[0] != '{':
		return nil, internalError(fmt.Sprintf("The server %q answered with something that is not a result.", to.server))
	}
	if to.finish != nil {
		result = to.finish(result)
	}
	return x.result(result, modern), nil
}

// result replies with a result, and returns what the library shall take for it.
func (x *exchange) result(result []byte, modern bool) mcp.Result {
	result = rawjson.OneLine(result)
	if modern {
		x.reply(asModern(x.msg.method, result)...)
	} else {
		x.reply(result)
	}
	return &placeholder{key: x.key}
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
	const most = 128 // bytes: twice the longest name of ours
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
