package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/call"
)

// A note is what is recorded of a call of a tool while it is served. All methods of a
// nil note do nothing.
type note struct {
	recorder Recorder
	record   call.Record
	began    time.Time
}

// begin begins the note of a request; it is nil if that is not to be recorded.
func (s *scope) begin(c *catalog, from *caller, m *message) *note {
	if s.recorder == nil || m.method != "tools/call" {
		return nil
	}
	asked := unquoteString(m.name)
	if s.search != nil {
		switch asked {
		case callRead, callWrite, callDestructive:
			asked = unquoteString(valueOf(valueOf(m.params, "arguments"), "name"))
		default:
			return nil // it calls nothing
		}
	}
	id := toolID{s.server, asked}
	if s.server == "" {
		id = c.meant(asked)
	}
	n := &note{recorder: s.recorder, began: time.Now()}
	n.record = call.Record{Server: id.server, Tool: shorten(id.tool), Client: shorten(s.clientName(from, m)), Sent: len(m.params), Params: m.params}
	return n
}

// meant returns which tool a client means by a name: one there is, one of a server that
// has none now, or one of no server.
func (c *catalog) meant(asked string) toolID {
	if id, ok := c.index[tools].owner[asked]; ok {
		return id
	}
	for st := range c.snap.Servers() {
		if tool, ok := strings.CutPrefix(asked, clean(st.Name)+"__"); ok {
			return toolID{st.Name, tool}
		}
	}
	return toolID{"", asked}
}

// clientName returns how a client calls itself.
func (s *scope) clientName(from *caller, m *message) string {
	if from.modern {
		return nameOf(m.asMeta.client)
	}
	return s.leases.name(from.session)
}

// nameOf returns the name in what a client says of itself.
func nameOf(info json.RawMessage) string { return unquoteString(valueOf(info, "name")) }

// refuse says that the call was not sent, and why; nil says nothing.
func (n *note) refuse(why error) {
	if n == nil || why == nil {
		return
	}
	n.record.Outcome, n.record.Why = call.Refused, messageOf(why)
}

// answered says what was sent to the server, and what it answered.
func (n *note) answered(params, result, rpcErr json.RawMessage) {
	if n == nil {
		return
	}
	n.record.Params, n.record.Answer = params, result
	if rpcErr != nil {
		n.record.Answer = rpcErr
	}
	n.record.Got = len(n.record.Answer)
}

// unanswered says that there is no answer, and what the client is told.
func (n *note) unanswered(ctx context.Context, err, told error) {
	if n == nil {
		return
	}
	n.record.Why = messageOf(told)
	e, ok := errors.AsType[unsent](err)
	switch {
	case ctx.Err() != nil:
		n.record.Outcome = call.Cancelled
	case ok && e.Unsent():
		n.record.Outcome = call.Refused
	case errors.Is(err, context.DeadlineExceeded):
		n.record.Outcome = call.TimedOut
	default:
		n.record.Outcome = call.Lost
	}
}

// broke says that the client gets an error, unless it is known why already.
func (n *note) broke() {
	if n != nil && n.record.Outcome == call.OK {
		n.record.Outcome = call.Failed
	}
}

// end records the call.
func (n *note) end() {
	if n == nil {
		return
	}
	n.record.At = time.Now()
	n.record.Took = n.record.At.Sub(n.began)
	n.recorder.Record(n.record)
}

// messageOf returns the words of an error of ours.
func messageOf(err error) string {
	if rpc, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return rpc.Message
	}
	return err.Error()
}
