package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/rawjson"
)

var (
	errTwice   = errors.New("a member of the message occurs twice")
	errNotText = errors.New("the body is not valid JSON in UTF-8")
	errTooDeep = errors.New("the message nests too deeply")
	errNotRPC  = errors.New("the body is not a JSON-RPC message")
)

// A message is what the front reads of a JSON-RPC message.
type message struct {
	id, params      json.RawMessage
	result, rpcErr  json.RawMessage // of an answer
	method          string          // empty: it is an answer
	meta, name, uri json.RawMessage // of params
	cursor, state   json.RawMessage // of params
	asMeta          requestMeta
}

// requestMeta is what the front reads of a request's _meta.
type requestMeta struct {
	revision, capabilities, level, client json.RawMessage // of revision 2026-07-28
}

// isRequest reports whether somebody waits for an answer.
func (m *message) isRequest() bool { return m.id != nil && m.method != "" }

// readMessage reads a message and proves that it is valid. Members that this package
// or the library acts on may occur only once: two readers of one message must not
// disagree about it.
func readMessage(raw []byte) (m message, err error) {
	var twice bool
	once := func(to *json.RawMessage, v json.RawMessage) {
		twice = twice || *to != nil
		*to = v
	}
	var version, method json.RawMessage
	err = rawjson.EachMember(raw, func(e rawjson.Member) {
		switch v := e.Value; string(e.Key) {
		case "jsonrpc":
			once(&version, v)
		case "id":
			once(&m.id, v)
		case "method":
			once(&method, v)
		case "params":
			once(&m.params, v)
		case "result":
			once(&m.result, v)
		case "error":
			once(&m.rpcErr, v)
		}
	})
	switch {
	case errors.Is(err, rawjson.ErrTooDeep):
		return message{}, errTooDeep
	case err != nil && json.Valid(raw):
		return message{}, errNotRPC // null, say
	case err != nil:
		return message{}, errNotText
	}
	if len(method) > 0 && method[0] == '"' {
		m.method = unquote(method)
	}
	for e := range rawjson.Members(m.params) {
		switch v := e.Value; string(e.Key) {
		case "_meta":
			once(&m.meta, v)
		case "name":
			once(&m.name, v)
		case "uri":
			once(&m.uri, v)
		case "cursor":
			once(&m.cursor, v)
		case "requestState":
			once(&m.state, v)
		}
	}
	for e := range rawjson.Members(m.meta) {
		switch v := e.Value; string(e.Key) {
		case metaRevision:
			once(&m.asMeta.revision, v)
		case metaCapabilities:
			once(&m.asMeta.capabilities, v)
		case metaLogLevel:
			once(&m.asMeta.level, v)
		case metaClient:
			m.asMeta.client = v
		}
	}
	switch {
	case twice:
		return message{id: validID(m.id)}, errTwice
	case unquoteString(version) != "2.0", m.id != nil && validID(m.id) == nil:
		return message{id: validID(m.id)}, errNotRPC
	case m.method != "":
		return m, nil
	case method != nil, m.id == nil, (m.result == nil) == (m.rpcErr == nil):
		return message{id: validID(m.id)}, errNotRPC
	}
	return m, nil
}

// Members of _meta that revision 2026-07-28 puts into each request.
const (
	metaRevision     = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaClient       = "io.modelcontextprotocol/clientInfo" // on which nothing depends
)

// validID returns an id if it is one: a string or a number.
func validID(id json.RawMessage) json.RawMessage {
	if len(id) > 0 && (id[0] == '"' || id[0] == '-' || '0' <= id[0] && id[0] <= '9') {
		return id
	}
	return nil
}

// isBatch reports whether a body is a batch, as revision 2025-03-26 had it.
func isBatch(body []byte) bool {
	rest := bytes.TrimLeft(body, " \t\r\n")
	return len(rest) > 0 && rest[0] == '['
}

// maxBatch is how many messages a batch may have: each takes a goroutine.
const maxBatch = 1000

var errLongBatch = errors.New("a batch has at most 1,000 messages")

// readBatch reads the messages of a batch. Those that are none have no method.
func readBatch(body []byte) (msgs []message, errs []error, err error) {
	n := 0
	err = rawjson.EachElement(body, func(raw json.RawMessage) {
		if n++; n > maxBatch {
			return
		}
		m, err := readMessage(raw)
		msgs, errs = append(msgs, m), append(errs, err)
	})
	switch {
	case errors.Is(err, rawjson.ErrTooDeep):
		return nil, nil, errTooDeep
	case err != nil:
		return nil, nil, errNotText
	case n > maxBatch:
		return nil, nil, errLongBatch
	case n == 0:
		return nil, nil, errNotRPC
	}
	return msgs, errs, nil
}

// checkText returns an error if a body is not text.
func checkText(body []byte) error {
	if !utf8.Valid(body) {
		return errNotText
	}
	return nil
}

// isModern reports whether a revision has no sessions. Revisions are dates.
func isModern(revision string) bool { return revision >= modern }
