package proxy

import (
	"bytes"
	"context"
	"encoding/json"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/rawjson"
)

const elicitation = "elicitation/create"

// A deskClient is a client whose user is asked at the desk what the client cannot ask.
type deskClient struct {
	call.Client
	desk   Desk
	server string
	can    json.RawMessage
	over   context.Context // of the client's request
}

// atDesk returns asker, able to have the user asked about what server wants to know
// until over is called or ctx is done. Nobody can be asked for nobody.
func (s *scope) atDesk(ctx context.Context, asker call.Client, server string) (able call.Client, over func()) {
	if s.desk == nil || asker == nil || !s.desk.Staffed() {
		return asker, func() {}
	}
	can := asker.Capabilities()
	form, _ := call.Unable(can, elicitation, nil)
	url, _ := call.Unable(can, elicitation, []byte(`{"mode":"url"}`))
	if form == 0 && url == 0 {
		return asker, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	return &deskClient{asker, s.desk, server, withElicitation(can), ctx}, func() { cancel(errOver) }
}

// withElicitation returns a client's capabilities with all of elicitation.
func withElicitation(can json.RawMessage) json.RawMessage {
	parts := [][]byte{[]byte(`"elicitation":{"form":{},"url":{}}`)}
	for m := range rawjson.Members(can) {
		if string(m.Key) != "elicitation" {
			parts = append(parts, m.Whole)
		}
	}
	return bytes.Join([][]byte{{'{'}, bytes.Join(parts, []byte{','}), {'}'}}, nil)
}

// Unwrap returns the client itself; see call.PeerOf.
func (c *deskClient) Unwrap() call.Client { return c.Client }

// Capabilities returns what client and desk can do together.
func (c *deskClient) Capabilities() json.RawMessage { return c.can }

// Ask asks the client, or the user at the desk what the client cannot ask.
func (c *deskClient) Ask(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	if !c.takes(method, params) {
		return c.Client.Ask(ctx, method, params)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.over, func() { cancel(context.Cause(c.over)) })()
	return c.desk.Ask(ctx, c.server, params)
}

// takes reports whether the desk asks in place of the client.
func (c *deskClient) takes(method string, params json.RawMessage) bool {
	code, _ := call.Unable(c.Client.Capabilities(), method, params)
	return method == elicitation && code != 0
}

// asksAtDesk reports whether a server's result wants something that only the desk can ask.
func asksAtDesk(asker call.Client, result json.RawMessage) bool {
	c, ok := asker.(*deskClient)
	if !ok {
		return false
	}
	for m := range rawjson.Members(valueOf(result, "inputRequests")) {
		if c.takes(unquoteString(valueOf(m.Value, "method")), valueOf(m.Value, "params")) {
			return true
		}
	}
	return false
}
