package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

// An exchange carries one request's payload around the MCP library, which would
// decode it into its own types and lose what it does not know. The front takes
// the params out of the request and leaves the exchange's key in their _meta;
// the answer leaves with the key where the payload belongs, and the splicer puts
// it there. Keys are random, so that no client can name another one's exchange.
type exchange struct {
	ctx    context.Context // ends when the HTTP request does, or the scope
	cancel context.CancelFunc
	key    string
	msg    message // as the client wrote it
	answer atomic.Pointer[[][]byte]
}

// reply sets the text that stands for the exchange's key in the answer.
func (x *exchange) reply(pieces ...[]byte) { x.answer.Store(&pieces) }

// An exchanges holds the exchanges of the HTTP requests that a scope serves.
type exchanges struct {
	mu     sync.Mutex
	open   map[string]*exchange // by key; guarded by mu
	closed bool                 // guarded by mu
}

func (e *exchanges) begin(ctx context.Context, m message) *exchange {
	x := &exchange{key: rand.Text(), msg: m}
	x.ctx, x.cancel = context.WithCancel(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open == nil {
		e.open = map[string]*exchange{}
	}
	e.open[x.key] = x
	if e.closed {
		x.cancel()
	}
	return x
}

func (e *exchanges) find(key string) *exchange {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open[key]
}

func (e *exchanges) end(list []*exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range list {
		x.cancel()
		delete(e.open, x.key)
	}
}

// close cancels all that are open, and any that still begins.
func (e *exchanges) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for _, x := range e.open {
		x.cancel()
	}
}

// A splicer writes what the library writes, with each exchange's answer in
// place of its key. The library writes a message with one call of Write.
type splicer struct {
	http.ResponseWriter
	exchanges []*exchange
}

// Unwrap lets http.ResponseController reach the connection.
func (s *splicer) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *splicer) Write(p []byte) (int, error) {
	rest := p
	for _, x := range s.exchanges {
		pieces := x.answer.Load()
		if pieces == nil {
			continue
		}
		before, after, ok := bytes.Cut(rest, []byte(`"`+x.key+`"`))
		if !ok {
			continue
		}
		for _, piece := range append([][]byte{before}, *pieces...) {
			if _, err := s.ResponseWriter.Write(piece); err != nil {
				return 0, err
			}
		}
		rest = after
	}
	if _, err := s.ResponseWriter.Write(rest); err != nil {
		return 0, err
	}
	return len(p), nil
}

// replyError prepares an upstream's error object: the library writes the code,
// which may decide the HTTP status, and the splicer writes the rest as it was.
func (x *exchange) replyError(raw json.RawMessage) error {
	var code int64
	var codeOK bool
	message := []byte(`""`)
	rest := [][]byte{nil}
	for m := range rawjson.Members(raw) {
		switch v := m.Value; string(m.Key) {
		case "code":
			codeOK = json.Unmarshal(v, &code) == nil
		case "message":
			message = v
		default:
			rest = append(rest, []byte(`,`), m.Whole)
		}
	}
	if !codeOK {
		return internalError("The server answered with an error that is not one of JSON-RPC.")
	}
	rest[0] = message
	x.reply([][]byte{rawjson.OneLine(bytes.Join(rest, nil))}...)
	return &jsonrpc.Error{Code: code, Message: x.key}
}
