package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
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

// post serves a POST: what the library knows best is passed on, all else answered here.
func (s *scope) post(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, s.maxBody)
	if err == nil {
		err = checkText(body)
	}
	if err != nil {
		unreadable(err).write(w, nil)
		return
	}
	if isBatch(body) {
		s.postBatch(w, r, body)
		return
	}
	m, err := readMessage(body)
	if err != nil {
		unreadable(err).write(w, m.id)
		return
	}
	from, wrong := readCaller(r, &m)
	if wrong != nil {
		wrong.write(w, m.id)
		return
	}
	if from.session != "" {
		if !s.leases.take(from.session) {
			noSession.write(w, m.id)
			return
		}
		defer s.leases.release(from.session)
	}
	switch {
	case m.isRequest() && from.modern && sessionsOwn(m.method):
		(&rejection{http.StatusNotFound, jsonrpc.CodeMethodNotFound, "This revision of the protocol has no such request.", nil}).write(w, m.id)
	case m.isRequest() && !librarys(m.method):
		s.serveRequest(w, r, from, &m)
	case !m.isRequest() && s.takeIn(from.session, &m):
		w.WriteHeader(http.StatusAccepted)
	default:
		s.passOn(w, r, from, body, &m)
	}
}

// librarys reports whether the library answers a request.
func librarys(method string) bool {
	switch method {
	case "initialize", "server/discover", "ping", "subscriptions/listen":
		return true
	}
	return sessionsOwn(method)
}

// sessionsOwn reports whether a request is about its session, which the newest revision has none of.
func sessionsOwn(method string) bool {
	switch method {
	case "resources/subscribe", "resources/unsubscribe", "logging/setLevel":
		return true
	}
	return false
}

// takeIn acts on a message that is not a request, and reports whether it did.
func (s *scope) takeIn(session string, m *message) bool {
	if m.method == "" {
		s.asked.answer(session, m)
		return true
	}
	if m.method != "notifications/cancelled" || session == "" {
		return false
	}
	if id, err := member(m.params, "requestId"); err == nil {
		s.requests.cancel(session, id.Value)
	}
	return true
}

// passOn gives a message to the library.
func (s *scope) passOn(w http.ResponseWriter, r *http.Request, from *caller, body []byte, m *message) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if from.modern {
		s.stateless.ServeHTTP(w, r)
		return
	}
	if m.method == "initialize" {
		w = &introduction{ResponseWriter: w, tell: func(session string) {
			s.leases.introduce(session, bytes.Clone(valueOf(m.params, "capabilities")))
		}}
	}
	s.stateful.ServeHTTP(w, r)
	if id := w.Header().Get(sessionHeader); from.session == "" && id != "" && !s.leases.has(id) {
		s.closeSession(id) // it came to nothing
	}
}

// serveRequest relays a request, or answers it.
func (s *scope) serveRequest(w http.ResponseWriter, r *http.Request, from *caller, m *message) {
	wrong := checkHeaders(r.Header, from, m)
	if wrong == nil && from.modern {
		if text := checkParams(r.Header, s.definition(m), m.params); text != "" {
			wrong = &rejection{http.StatusBadRequest, headerMismatchCode, text, nil}
		}
	}
	if wrong != nil {
		wrong.write(w, m.id)
		return
	}
	q, err := s.requests.begin(r.Context(), from.session, m.id)
	if err != nil {
		unbegun(err).write(w, m.id)
		return
	}
	defer s.requests.end(q)
	d := &dialogue{scope: s, q: q, from: from, can: s.capabilities(from, m), logs: m.asMeta.level != nil, w: w, wake: make(chan struct{}, 1)}
	if from.modern && (askable(d.can) || strings.HasPrefix(unquoteString(m.state), statePrefix)) {
		s.serveHeld(d, r, m)
		return
	}
	d.finish(s.answer(q.ctx, from, m, d), m.id)
}

// capabilities returns what a client said it can do.
func (s *scope) capabilities(from *caller, m *message) json.RawMessage {
	if from.modern {
		return m.asMeta.capabilities
	}
	return s.leases.capabilities(from.session)
}

// An introduction is the answer to a handshake: what the client said of itself is
// noted before it can know its session.
type introduction struct {
	http.ResponseWriter
	tell func(session string)
	told bool
}

// Unwrap lets http.ResponseController reach the connection.
func (i *introduction) Unwrap() http.ResponseWriter { return i.ResponseWriter }

func (i *introduction) Write(p []byte) (int, error) {
	if !i.told {
		i.told = true
		i.tell(i.Header().Get(sessionHeader))
	}
	return i.ResponseWriter.Write(p)
}

// unbegun words why a request is not served.
func unbegun(err error) *rejection {
	if errors.Is(err, errIDInUse) {
		return &rejection{http.StatusBadRequest, jsonrpc.CodeInvalidRequest, "Another request with this id is being served.", nil}
	}
	return &rejection{http.StatusServiceUnavailable, jsonrpc.CodeInternalError, "The program is shutting down.", nil}
}

// postBatch serves a batch of revision 2025-03-26: all at once, answered together.
func (s *scope) postBatch(w http.ResponseWriter, r *http.Request, body []byte) {
	msgs, errs, err := readBatch(body)
	if err != nil {
		unreadable(err).write(w, nil)
		return
	}
	from, wrong := readCaller(r, &message{})
	switch {
	case wrong != nil:
		wrong.write(w, nil)
		return
	case r.Header.Get(revisionHeader) > "2025-03-26":
		(&rejection{http.StatusBadRequest, jsonrpc.CodeInvalidRequest, "This revision of the protocol has no batches.", nil}).write(w, nil)
		return
	case from.session == "" || !s.leases.take(from.session):
		noSession.write(w, nil)
		return
	}
	defer s.leases.release(from.session)
	answers := make([][][]byte, len(msgs)) // each nil or an envelope
	var wg sync.WaitGroup
	for i := range msgs {
		switch m := &msgs[i]; {
		case errs[i] != nil:
			wrong := unreadable(errs[i])
			answer := errorReply(&jsonrpc.Error{Code: wrong.code, Message: wrong.text})
			answers[i] = answer.envelope(m.id)
		case m.isRequest():
			wg.Go(func() {
				answer := s.answerOfBatch(r, from, m)
				answers[i] = answer.envelope(m.id)
			})
		default:
			s.takeIn(from.session, m)
		}
	}
	wg.Wait()
	out := [][]byte{}
	for _, a := range answers {
		if a != nil {
			out = append(append(out, []byte(",")), a...)
		}
	}
	if len(out) == 0 {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	out[0] = []byte("[")
	writeMessage(w, from, http.StatusOK, append(out, []byte("]")))
}

// answerOfBatch answers one request of a batch.
func (s *scope) answerOfBatch(r *http.Request, from *caller, m *message) reply {
	switch {
	case m.method == "ping":
		return resultReply(m.method, []byte("{}"), false)
	case librarys(m.method):
		return errorReply(&jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "This request cannot be part of a batch."})
	}
	q, err := s.requests.begin(r.Context(), from.session, m.id)
	if err != nil {
		wrong := unbegun(err)
		return errorReply(&jsonrpc.Error{Code: wrong.code, Message: wrong.text})
	}
	defer s.requests.end(q)
	return s.answer(q.ctx, from, m, nil)
}

// readBody reads a body to its end.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	const trust = 64 << 10 // a client may announce more than it sends
	buf := bytes.NewBuffer(make([]byte, 0, max(min(r.ContentLength, trust), 0)+bytes.MinRead))
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	return buf.Bytes(), err
}

var noSession = &rejection{http.StatusNotFound, jsonrpc.CodeInvalidRequest, "There is no such session, or it has ended. A new one begins with initialize.", nil}

// readCaller reads what the headers say of who posts.
func readCaller(r *http.Request, m *message) (*caller, *rejection) {
	bad := func(status int, text string) (*caller, *rejection) {
		return nil, &rejection{status, jsonrpc.CodeInvalidRequest, text, nil}
	}
	if t := r.Header.Get("Content-Type"); t != "application/json" {
		if t, _, err := mime.ParseMediaType(t); err != nil || t != "application/json" {
			return bad(http.StatusUnsupportedMediaType, "The Content-Type of a message is application/json.")
		}
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
	if got, ok := headerText(values[0]); !ok || got != unquoteString(name) {
		return mismatch("The header Mcp-Name and the message are in mismatch: %q, %q.", shorten(got), shorten(unquoteString(name)))
	}
	return nil
}

// headerText decodes the value of a header that may be wrapped, as
// "=?base64?...?=", because it is no plain text.
func headerText(v string) (string, bool) {
	inner, ok := strings.CutPrefix(v, "=?base64?")
	if !ok {
		return v, true
	}
	if inner, ok = strings.CutSuffix(inner, "?="); !ok {
		return v, true
	}
	text, err := base64.StdEncoding.DecodeString(inner)
	return string(text), err == nil
}
