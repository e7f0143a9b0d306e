package upstream

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The library's side of a wire: it is its transport and its connection.
var (
	_ mcp.Transport  = (*wire)(nil)
	_ mcp.Connection = (*wire)(nil)
)

// Connect implements mcp.Transport.
func (w *wire) Connect(context.Context) (mcp.Connection, error) { return w, nil }

// Read implements mcp.Connection.
func (w *wire) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case m := <-w.inbox:
		return m, nil
	case <-w.life.Done():
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write implements mcp.Connection. A call that cannot be sent is answered with
// the reason, so that the library learns our typed error and the wire lives on.
func (w *wire) Write(ctx context.Context, msg jsonrpc.Message) error {
	req, ok := msg.(*jsonrpc.Request)
	if ok && req.Method == "initialize" {
		own := *req
		own.Params = withCallers(req.Params)
		req, msg = &own, &own
	}
	body, err := jsonrpc.EncodeMessage(msg)
	if err != nil {
		return err
	}
	m := message{body: body}
	if ok {
		m.method, m.params, m.protocol = req.Method, req.Params, protocolIn(req.Params)
	}
	if !ok || !req.IsCall() {
		return w.carrier.send(ctx, m)
	}
	if m.id, err = json.Marshal(req.ID.Raw()); err != nil {
		return err
	}
	w.expect(m.id)
	if m.method == methodDiscover {
		w.limitProbe(req.ID, m.id)
	}
	w.spawn(func() {
		if err := w.carrier.send(w.life, m); err != nil && w.expected(m.id) {
			w.put(&jsonrpc.Response{ID: req.ID, Error: err})
		}
	})
	return nil
}

// limitProbe answers server/discover in the server's place if the server stays
// silent: many older servers ignore methods they do not know, and the library
// would wait for ever. It goes on with initialize then.
func (w *wire) limitProbe(id jsonrpc.ID, raw []byte) {
	w.spawn(func() {
		t := time.NewTimer(w.probe)
		defer t.Stop()
		select {
		case <-t.C:
			if !w.expected(raw) {
				return
			}
			w.silent.Store(true)
			w.put(&jsonrpc.Response{ID: id, Error: &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "no answer"}})
		case <-w.answered:
		case <-w.life.Done():
		}
	})
}

// Close implements mcp.Connection.
func (w *wire) Close() error {
	w.end(errClosed)
	return nil
}

// SessionID implements mcp.Connection.
func (w *wire) SessionID() string { return "" }

// protocolIn returns the revision that a request of the library names itself.
func protocolIn(params json.RawMessage) string {
	var p struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	var v string
	if json.Unmarshal(params, &p) == nil {
		_ = json.Unmarshal(p.Meta[metaProtocol], &v) // absent: empty
	}
	return v
}
