package upstream

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/mcpheader"
	"mcpproxy-tray/internal/core/rawjson"
)

// A remote is a server reached over HTTP.
type remote struct {
	wire     *wire
	client   *http.Client
	endpoint *url.URL // where messages are posted
	header   http.Header
	limits   Timeouts
	maxBytes int
	old      bool           // HTTP+SSE: answers come on the stream, not with the POST
	repeated mcpheader.Book // which arguments of its tools

	streams sync.WaitGroup // readers of long-lived streams
	mu      sync.Mutex     // guards the fields below
	session string         // Mcp-Session-Id; empty if the server gave none
	doubt   doubt
}

func (c *Connector) newRemote(srv config.Server, w *wire) (*remote, error) {
	u, err := url.Parse(srv.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, pURL.with(clean(srv.CommandLine(), 200)) // without the cause, which quotes the address
	}
	header := http.Header{}
	for k, v := range srv.Headers {
		header.Set(k, v)
	}
	if u.User != nil && header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	u.User = nil
	r := &remote{
		wire: w, client: c.httpClient(), endpoint: u, header: header,
		limits: c.limits(), maxBytes: c.maxBytes(),
	}
	w.carrier = r
	return r, nil
}

func (c *Connector) openHTTP(ctx context.Context, srv config.Server, hide secrets) (*Session, error) {
	s := c.newSession(ctx, srv, "http", hide)
	r, err := c.newRemote(srv, s.wire)
	if err != nil {
		s.wire.end(err)
		return nil, err
	}
	s.remote = r
	if err := c.greet(ctx, s, srv); err != nil {
		return nil, err
	}
	r.settle(s.Ping)
	r.listen()
	return s, nil
}

// send posts a message. For a call it returns once the answer was delivered.
func (r *remote) send(ctx context.Context, m message) error {
	if m.method == methodCancelled && r.modern() {
		return nil // the end of the request's stream has said it
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(r.wire.life, func() { cancel(r.wire.cause()) })
	defer stop()
	late := func() { cancel(pNetTimeout.with(r.endpoint.Host)) }
	stopHeaders := func() bool { return true }
	if !m.isCall() || prompt(m.method) {
		// A tool may think for long before it says the first word; all else may not.
		stopHeaders = time.AfterFunc(r.limits.Headers, late).Stop
	}
	resp, err := r.post(ctx, m)
	stopHeaders()
	if err != nil {
		return r.give(m, err)
	}
	resp.Body = watchIdle(resp, late)
	defer func() {
		enough := time.AfterFunc(drainBodyTime, func() { cancel(nil) })
		defer enough.Stop()
		drainBody(resp)
	}()
	r.noteSession(resp.Header.Get("Mcp-Session-Id"))
	if err := r.receive(ctx, m, resp); err != nil {
		return r.give(m, err)
	}
	return nil
}

// give returns err, and ends the session if no later request can fare better. It asks
// for a sign of life if it cannot tell.
func (r *remote) give(m message, err error) error {
	if hasEntry(err, pForbidden) && r.negotiated() != "" {
		return err // of this call alone: what its arguments or its tool may not
	}
	switch {
	case m.method == methodListen:
	case hasEntry(err, pSignIn, pForbidden, pSessionLost, pRedirect):
		r.wire.end(err)
	case hasEntry(err, pNoAnswer), unreachable(err) && !ours(err):
		r.doubts(err)
	}
	return err
}

// post sends a message. An error is marked if it did not leave.
func (r *remote) post(ctx context.Context, m message) (*http.Response, error) {
	var way departure
	req, err := http.NewRequestWithContext(way.watch(ctx), http.MethodPost, r.endpoint.String(), bytes.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	r.setHeaders(req, cmp.Or(m.protocol, r.negotiated()))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if prompt(m.method) {
		// "If the idempotency key value is a zero-length slice, the request is treated as
		// idempotent but the header is not sent on the wire" [net/http.Transport]: it is
		// sent again if it met a connection that the server was about to close.
		req.Header["Idempotency-Key"] = nil
	}
	if !r.old && req.Header.Get("Mcp-Protocol-Version") >= firstModern && m.method != "" {
		req.Header.Set("Mcp-Method", m.method)
		if name, ok := headerName(m.method, m.params); ok {
			req.Header.Set("Mcp-Name", name)
		}
		if m.method == "tools/call" {
			r.repeated.Set(req.Header, m.params)
		}
	}
	resp, err := r.do(req)
	if err != nil && ctx.Err() == nil && way.none() {
		return nil, unsent(err)
	}
	return resp, err
}

func (r *remote) do(req *http.Request) (*http.Response, error) {
	resp, err := r.client.Do(req)
	if err != nil {
		if req.Context().Err() != nil {
			return nil, context.Cause(req.Context())
		}
		return nil, netProblem(r.endpoint, err, r.wire.secrets)
	}
	return resp, nil
}

func (r *remote) setHeaders(req *http.Request, protocol string) {
	maps.Copy(req.Header, r.header)
	if host := r.header.Get("Host"); host != "" {
		req.Host = host
	}
	if r.old {
		return
	}
	if protocol != "" {
		req.Header.Set("Mcp-Protocol-Version", protocol)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session != "" {
		req.Header.Set("Mcp-Session-Id", r.session)
	}
}

// negotiated returns the session's revision; empty before the handshake.
func (r *remote) negotiated() string {
	if p := r.wire.protocol.Load(); p != nil {
		return *p
	}
	return ""
}

func (r *remote) modern() bool { return !r.old && r.negotiated() >= firstModern }

func (r *remote) noteSession(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session == "" {
		r.session = id
	}
}

func (r *remote) sessionID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session
}

// leave tells the server that its session is over, if it keeps one.
func (r *remote) leave() {
	if r.old || r.sessionID() == "" {
		return
	}
	ctx, stop := context.WithTimeout(r.wire.life, r.limits.StopInput)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, r.endpoint.String(), nil)
	if err != nil {
		return
	}
	r.setHeaders(req, r.negotiated())
	resp, err := r.client.Do(req)
	if err != nil {
		r.wire.log.Debug("session not deleted", "err", netProblem(r.endpoint, err, r.wire.secrets))
		return
	}
	drainBody(resp)
}

// close waits for the streams, which end with the wire, and lets idle connections go.
func (r *remote) close() {
	r.streams.Wait()
	r.client.CloseIdleConnections()
}

// headerName returns what the Mcp-Name header says of a request.
func headerName(method string, params json.RawMessage) (string, bool) {
	key := map[string]string{"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}[method]
	if key == "" {
		return "", false
	}
	var name string
	_ = rawjson.EachMember(params, func(m rawjson.Member) {
		if string(m.Key) == key {
			_ = json.Unmarshal(m.Value, &name) // not a string: the server will say so
		}
	})
	return mcpheader.Encode(name), true
}
