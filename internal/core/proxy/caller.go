package proxy

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/mcpheader"
)

// revisions are those that the endpoint speaks, newest first.
var revisions = []string{modern, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

// A caller is who posts a message.
type caller struct {
	session string // empty: of a revision without sessions, or one is to begin
	modern  bool
	json    bool // it takes an answer as JSON
	stream  bool // it takes an answer as an event stream
}

var noSession = &rejection{http.StatusNotFound, jsonrpc.CodeInvalidRequest, "There is no such session, or it has ended. A new one begins with initialize.", nil}

// readCaller reads what the headers say of who posts.
func readCaller(r *http.Request, m *message) (*caller, *rejection) {
	bad := func(status int, text string) (*caller, *rejection) {
		return nil, &rejection{status, jsonrpc.CodeInvalidRequest, text, nil}
	}
	if t := r.Header.Get("Content-Type"); t != "application/json" {
		t, params, err := mime.ParseMediaType(t)
		if charset := params["charset"]; err != nil || t != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
			return bad(http.StatusUnsupportedMediaType, "The Content-Type of a message is application/json, in UTF-8.")
		}
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return bad(http.StatusUnsupportedMediaType, "A message is not compressed: without Content-Encoding.")
	}
	from := &caller{}
	if from.json, from.stream = acceptable(r.Header["Accept"]); !from.json && !from.stream {
		return bad(http.StatusNotAcceptable, "Answers are application/json or text/event-stream, and the Accept header allows neither.")
	}
	revision := r.Header.Get(revisionHeader)
	switch told := unquoteString(m.asMeta.revision); {
	case isModern(revision), revision == "" && isModern(told):
		from.modern = true
		return from, nil
	case revision != "" && isModern(told):
		return nil, &rejection{http.StatusBadRequest, headerMismatchCode,
			fmt.Sprintf("The header %s says %q and the message %q.", revisionHeader, shorten(revision), shorten(told)), nil}
	case revision != "" && !slices.Contains(revisions, revision):
		return bad(http.StatusBadRequest, fmt.Sprintf("The revision %q is not supported. These are: %s.", shorten(revision), strings.Join(revisions, ", ")))
	}
	from.session = r.Header.Get(sessionHeader)
	if from.session == "" && m.method != "initialize" && m.method != "ping" && m.isRequest() {
		return bad(http.StatusBadRequest, "The request has no session. One begins with initialize.")
	}
	return from, nil
}

// acceptable reads Accept headers. Without any everything is accepted.
func acceptable(values []string) (json, stream bool) {
	for _, list := range values {
		for part := range strings.SplitSeq(list, ",") {
			base, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(base)) {
			case "application/json", "application/*":
				json = true
			case "text/event-stream", "text/*":
				stream = true
			case "*/*":
				json, stream = true, true
			}
		}
	}
	return json || len(values) == 0, stream
}

// checkHeaders checks the headers that repeat what a request says. Only the message
// itself decides where it goes.
func checkHeaders(h http.Header, from *caller, m *message) *rejection {
	if !from.modern {
		return nil
	}
	mismatch := func(format string, args ...any) *rejection {
		return &rejection{http.StatusBadRequest, headerMismatchCode, fmt.Sprintf(format, args...), nil}
	}
	missing := func(key string) *rejection {
		return &rejection{http.StatusBadRequest, jsonrpc.CodeInvalidParams, fmt.Sprintf("The _meta of the request has no valid %q.", key), nil}
	}
	for _, name := range []string{revisionHeader, methodHeader, "Mcp-Name"} {
		if len(h.Values(name)) > 1 {
			return mismatch("The header %s occurs twice.", name)
		}
	}
	revision, told := h.Get(revisionHeader), unquoteString(m.asMeta.revision)
	switch method := h.Get(methodHeader); {
	case revision == "":
		return mismatch("The request has no header %s.", revisionHeader)
	case told == "":
		return missing(metaRevision)
	case told != revision:
		return mismatch("The header %s and the message are in mismatch: %q, %q.", revisionHeader, shorten(revision), shorten(told))
	case revision != modern:
		data, _ := json.Marshal(struct { // strings always encode
			Supported []string `json:"supported"`
			Requested string   `json:"requested"`
		}{revisions, shorten(revision)})
		return &rejection{http.StatusBadRequest, unsupportedRevisionCode, "This revision of the protocol is not supported.", data}
	case len(m.asMeta.capabilities) == 0 || m.asMeta.capabilities[0] != '{':
		return missing(metaCapabilities)
	case method == "":
		return mismatch("The request has no header Mcp-Method.")
	case method != m.method:
		return mismatch("The header Mcp-Method and the message are in mismatch: %q, %q.", shorten(method), shorten(m.method))
	}
	var name json.RawMessage
	switch m.method {
	case "tools/call", "prompts/get":
		name = m.name
	case "resources/read":
		name = m.uri
	default:
		return nil
	}
	values := h["Mcp-Name"]
	if len(values) == 0 {
		return mismatch("The request has no header Mcp-Name.")
	}
	if got, ok := mcpheader.Decode(values[0]); !ok || got != unquoteString(name) {
		return mismatch("The header Mcp-Name and the message are in mismatch: %q, %q.", shorten(got), shorten(unquoteString(name)))
	}
	return nil
}
