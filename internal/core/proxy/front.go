package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

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
	case m.isRequest() && m.method != "subscriptions/listen":
		s.serveFromLibrary(w, r, from, &m)
	case !m.isRequest() && s.takeIn(from.session, &m):
		w.WriteHeader(http.StatusAccepted)
	default:
		s.passOn(w, r, from, body)
	}
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

// serveRequest relays a request, or answers it.
func (s *scope) serveRequest(w http.ResponseWriter, r *http.Request, from *caller, m *message) {
	wrong := checkHeaders(r.Header, from, m)
	if wrong == nil && from.modern {
		if text := checkParams(r.Header, s.definition(m), m.params); text != "" {
			wrong = &rejection{http.StatusBadRequest, headerMismatchCode, text, nil}
		}
	}
	level := slices.Index(logLevels, unquoteString(m.asMeta.level))
	if wrong == nil && from.modern && m.asMeta.level != nil && level < 0 {
		wrong = &rejection{http.StatusBadRequest, jsonrpc.CodeInvalidParams, "The log level in _meta is none. These are: " + strings.Join(logLevels, ", ") + ".", nil}
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
	d := &dialogue{scope: s, q: q, from: from, can: s.capabilities(from, m), level: level, w: w, wake: make(chan struct{}, 1)}
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
