package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

var (
	errTwice   = errors.New("a member of the message occurs twice")
	errNotText = errors.New("the body is not valid JSON in UTF-8")
	errTooDeep = errors.New("the message nests too deeply")
)

// A message is what the front reads of a JSON-RPC message.
type message struct {
	raw                 []byte // the whole of it
	version, id, params json.RawMessage
	method              string
	meta, name, uri     json.RawMessage // of params
	cursor              json.RawMessage
}

// readMessage reads a message. Members that this package or the library acts on
// may occur only once: two readers of one message must not disagree about it.
func readMessage(raw []byte) (m message, err error) {
	m.raw = raw
	once := func(to *json.RawMessage, v json.RawMessage) {
		if *to != nil {
			err = errTwice
		}
		*to = v
	}
	var method json.RawMessage
	for e := range rawjson.Members(raw) {
		switch v := e.Value; string(e.Key) {
		case "jsonrpc":
			once(&m.version, v)
		case "id":
			once(&m.id, v)
		case "method":
			once(&method, v)
		case "params":
			once(&m.params, v)
		}
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
		}
	}
	return m, err
}

// exchangeKey is where in _meta the library finds an exchange's key.
const exchangeKey = "mcpproxy-tray/exchange"

// divert returns the message as the library shall see it: the same, but with an
// exchange's key in its _meta, and of a payload that is relayed no more than the
// library checks.
func (m *message) divert(begin func(message) *exchange) []byte {
	if m.id == nil || m.method == "" || len(m.meta) > 0 && m.meta[0] != '{' && string(m.meta) != "null" {
		return m.raw // the library refuses it, or nobody answers it
	}
	_, list := listedBy(m.method)
	if len(m.params) > 0 && m.params[0] != '{' && !(list && string(m.params) == "null") {
		return m.raw
	}
	if len(m.params) == 0 && !list && m.method != "server/discover" && m.libraryMethod() != relayMethod {
		return m.raw
	}
	var params [][]byte
	switch m.method {
	case "ping", "subscriptions/listen":
		return m.raw
	case "initialize", "server/discover":
		for e := range rawjson.Members(m.params) {
			if string(e.Key) != "_meta" {
				params = append(params, e.Whole, []byte(`,`))
			}
		}
	case "tools/call", "prompts/get":
		params = append(params, []byte(`"name":`), orEmpty(m.name), []byte(`,`))
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		params = append(params, []byte(`"uri":`), orEmpty(m.uri), []byte(`,`))
	}
	x := begin(*m)
	params = append(params, []byte(`"_meta":{"`+exchangeKey+`":"`+x.key+`"`))
	for e := range rawjson.Members(m.meta) {
		params = append(params, []byte(`,`), e.Whole)
	}
	out := [][]byte{[]byte(`{"jsonrpc":`), orNull(m.version), []byte(`,"id":`), m.id,
		[]byte(`,"method":`), quote(m.libraryMethod()), []byte(`,"params":{`), bytes.Join(params, nil), []byte(`}}}`)}
	return bytes.Join(out, nil)
}

// relayMethod stands for every method that the library does not know.
const relayMethod = "mcpproxy-tray/relay"

// libraryMethod returns the method as which the library gets a request.
func (m *message) libraryMethod() string {
	switch m.method {
	case "initialize", "server/discover", "ping", "subscriptions/listen", "tools/call", "prompts/get", "completion/complete", "logging/setLevel",
		"resources/read", "resources/subscribe", "resources/unsubscribe":
		return m.method
	}
	if _, ok := listedBy(m.method); ok {
		return m.method
	}
	return relayMethod
}

// orEmpty returns a JSON string, or an empty one in place of anything else.
func orEmpty(v json.RawMessage) []byte {
	if len(v) > 0 && v[0] == '"' {
		return v
	}
	return []byte(`""`)
}

func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}

// maxDepth is how deep a message may nest: what the MCP library allows, too.
const maxDepth = 1000

func tooDeep(text []byte) bool {
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
			continue
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
		i++
	}
	return false
}

// readMessages reads the body of a POST: a message, or a batch as revision 2025-03-26 had it.
func readMessages(body []byte) (msgs []message, batch bool, err error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, false, errNotText
	}
	if tooDeep(body) {
		return nil, false, errTooDeep
	}
	raws := []json.RawMessage{body}
	if bytes.TrimLeft(body, " \t\r\n")[0] == '[' {
		batch = true
		if err := json.Unmarshal(body, &raws); err != nil {
			return nil, false, errNotText
		}
	}
	for _, raw := range raws {
		m, err := readMessage(raw)
		if err != nil {
			return nil, false, err
		}
		msgs = append(msgs, m)
	}
	return msgs, batch, nil
}

// joinMessages is the body that the library gets instead.
func joinMessages(msgs []message, batch bool) []byte {
	if !batch {
		return msgs[0].raw
	}
	raws := make([][]byte, len(msgs))
	for i, m := range msgs {
		raws[i] = m.raw
	}
	return bytes.Join([][]byte{{'['}, bytes.Join(raws, []byte{','}), {']'}}, nil)
}

// isModern reports whether a revision has no sessions. Revisions are dates.
func isModern(revision string) bool { return revision >= modern }

// modernRequest reports whether a request follows a revision without sessions:
// its header says so, or its _meta does, and then the library asks for the header.
func modernRequest(h http.Header, m *message) bool {
	if v := h.Get(revisionHeader); v != "" {
		return isModern(v)
	}
	for e := range rawjson.Members(m.meta) {
		if v := e.Value; string(e.Key) == "io.modelcontextprotocol/protocolVersion" && v[0] == '"' {
			return isModern(unquote(v))
		}
	}
	return false
}

// refuseBody answers a POST whose body could not be read.
func refuseBody(w http.ResponseWriter, err error) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		writeJSON(w, http.StatusRequestEntityTooLarge, refusedMessage(jsonrpc.CodeInvalidRequest, "The message is too large."))
		return
	}
	writeJSON(w, http.StatusBadRequest, refusedMessage(jsonrpc.CodeParseError, "The body could not be read."))
}

// refuseMessage answers a POST whose message cannot be understood in one way only.
func refuseMessage(w http.ResponseWriter, err error) {
	code, text := int64(jsonrpc.CodeInvalidRequest), "A member of the message occurs twice."
	switch {
	case errors.Is(err, errNotText):
		code, text = jsonrpc.CodeParseError, "The body is not valid JSON in UTF-8."
	case errors.Is(err, errTooDeep):
		text = "The message nests too deeply."
	}
	writeJSON(w, http.StatusBadRequest, refusedMessage(code, text))
}

type rpcError struct {
	Code    int64  `json:"code"`
	Message string `json:"message"`
}

// A rpcRefusal is a JSON-RPC answer to a request whose id is not known.
type rpcRefusal struct {
	Version string   `json:"jsonrpc"`
	ID      *int     `json:"id"` // always null
	Error   rpcError `json:"error"`
}

func refusedMessage(code int64, text string) rpcRefusal {
	return rpcRefusal{Version: "2.0", Error: rpcError{code, text}}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
