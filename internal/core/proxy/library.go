package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"mcpproxy-tray/internal/core/rawjson"
)

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

// passOn gives a message to the library: a notification, or a request whose answer is a
// stream.
func (s *scope) passOn(w http.ResponseWriter, r *http.Request, from *caller, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	s.library(from).ServeHTTP(w, r)
}

func (s *scope) library(from *caller) http.Handler {
	if from.modern {
		return s.stateless
	}
	return s.stateful
}

// serveFromLibrary has the library answer a request. It reads ids as numbers of
// limited size and words errors for programmers, so that neither passes as it is.
func (s *scope) serveFromLibrary(w http.ResponseWriter, r *http.Request, from *caller, m *message) {
	switch {
	case m.method == "initialize" && from.session != "":
		(&rejection{http.StatusBadRequest, jsonrpc.CodeInvalidRequest, "This session has begun already. A new one begins with initialize without the header " + sessionHeader + ".", nil}).write(w, m.id)
		return
	case m.method == "ping" && !from.modern:
		answer := resultReply(m.method, []byte("{}"), false)
		writeMessage(w, from, http.StatusOK, answer.envelope(m.id))
		return
	}
	got := s.askLibrary(r, from, m)
	session := got.header.Get(sessionHeader)
	if m.method == "initialize" && session != "" {
		s.leases.introduce(session, nameOf(valueOf(m.params, "clientInfo")), bytes.Clone(valueOf(m.params, "capabilities"))) // before the client can know it
		if !s.leases.has(session) {
			s.closeSession(session) // it came to nothing
			session = ""
		}
	}
	answer, wrong := got.reply(m.method)
	if wrong != nil {
		wrong.write(w, m.id)
		return
	}
	if session != "" && !answer.failed {
		w.Header().Set(sessionHeader, session)
	}
	writeMessage(w, from, got.status, answer.envelope(m.id))
}

// askLibrary has the library answer a request under an id that it can read.
func (s *scope) askLibrary(r *http.Request, from *caller, m *message) *recorded {
	body := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":%s`, quote(m.method))
	if m.params != nil {
		body = append(append(body, `,"params":`...), m.params...)
	}
	body = append(body, '}')
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	got := &recorded{header: http.Header{}, status: http.StatusOK}
	s.library(from).ServeHTTP(got, r)
	return got
}

// A recorded is an answer of the library, to be read.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorded) Header() http.Header         { return a.header }
func (a *recorded) WriteHeader(status int)      { a.status = status }
func (a *recorded) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *recorded) Flush()                      {}

// reply returns the answer to a request of that method, or why there is none.
func (a *recorded) reply(method string) (reply, *rejection) {
	var result, rpcErr json.RawMessage
	for m := range rawjson.Members(a.body.Bytes()) {
		switch string(m.Key) {
		case "result":
			result = m.Value
		case "error":
			rpcErr = m.Value
		}
	}
	if result != nil {
		return reply{pieces: [][]byte{rawjson.OneLine(result)}}, nil
	}
	// What the library cannot read it refuses in the words of Go's packages, which it
	// puts behind "handling", often without a code.
	if !strings.HasPrefix(unquoteString(valueOf(rpcErr, "message")), "handling ") {
		if answer := serverErrorReply(rpcErr); rpcErr != nil && answer.code != 0 {
			return answer, nil
		}
	}
	if a.status == http.StatusNotFound {
		return reply{}, noSession
	}
	return reply{}, &rejection{http.StatusBadRequest, jsonrpc.CodeInvalidParams, fmt.Sprintf("The params of %s are not as this revision of the protocol has them.", shorten(method)), nil}
}
