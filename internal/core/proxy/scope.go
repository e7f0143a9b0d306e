package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A scope is one endpoint: all servers, one of them, or all behind a search.
type scope struct {
	*Endpoint
	server    string  // empty: all servers
	search    *finder // of /mcp/search; nil elsewhere
	mcp       *mcp.Server
	stateful  http.Handler // revisions up to 2025-11-25
	stateless http.Handler // from 2026-07-28 on
	requests  requests
	asked     asked
	helds     helds
	wishes    wishes
	leases    leases
	announced versions // of the lists that sessions know of; used by Run alone
	tasks     taskOwners
}

// newScope makes an endpoint.
func (e *Endpoint) newScope(server string) *scope {
	s := &scope{Endpoint: e, server: server}
	if server == searchPath {
		s.server, s.search = "", e.finder
	}
	s.mcp = mcp.NewServer(&mcp.Implementation{Name: serverName, Version: e.version}, &mcp.ServerOptions{
		Capabilities:     libraryCapabilities(),
		SubscribeHandler: s.subscribe, UnsubscribeHandler: s.unsubscribe,
	})
	s.mcp.AddReceivingMiddleware(s.middleware)
	get := func(*http.Request) *mcp.Server { return s.mcp }
	s.stateful = mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{MaxRequestBodyBytes: -1, JSONResponse: true})
	s.stateless = mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{
		MaxRequestBodyBytes: -1, // the front has its own limit
		Stateless:           true,
		JSONResponse:        true,
		// "closing the stream" is how a client of this revision cancels.
		PropagateRequestCancellation: true,
	})
	s.leases = leases{timeout: e.sessionTimeout, expired: s.closeSession}
	return s
}

// versions returns the versions of the scope's lists.
func (s *scope) versions(c *catalog) (v versions) {
	for k, l := range c.listsOf(s.server) {
		v[k] = l.version
	}
	if s.search != nil {
		v[tools] = 0 // they never change
	}
	return v
}

// announce tells the scope's sessions which lists changed, and reports whether any did.
func (s *scope) announce(c *catalog) bool {
	was, now := s.announced, s.versions(c)
	s.announced = now
	// The library sends list_changed, to sessions and to subscriptions of the
	// stateless revision alike, when a list of its own changes and not on demand.
	// Nobody sees those lists: the middleware answers for them.
	if now[tools] != was[tools] {
		s.mcp.AddTool(&mcp.Tool{Name: "changed", InputSchema: json.RawMessage(`{"type":"object"}`)}, nil)
	}
	if now[prompts] != was[prompts] {
		s.mcp.AddPrompt(&mcp.Prompt{Name: "changed"}, nil)
	}
	if now[resources] != was[resources] || now[templates] != was[templates] {
		s.mcp.AddResource(&mcp.Resource{Name: "changed", URI: "changed:"}, nil)
	}
	return now != was
}

func (s *scope) serve(w http.ResponseWriter, r *http.Request) {
	limit := writeTime
	if r.Method == http.MethodGet {
		limit = listenTime
	}
	w = &timed{w, limit}
	id := r.Header.Get(sessionHeader)
	switch {
	case r.Method == http.MethodPost:
		s.post(w, r)
		return
	case isModern(r.Header.Get(revisionHeader)):
		s.stateless.ServeHTTP(w, r)
		return
	case id == "":
		s.stateful.ServeHTTP(w, r) // it refuses
		return
	case !s.leases.take(id):
		noSession.write(w, nil)
		return
	}
	defer s.leases.release(id)
	if r.Method == http.MethodGet {
		w = &opening{ResponseWriter: w, missed: func() []kind {
			return s.leases.outdated(id, s.versions(s.catalog()))
		}}
	}
	s.stateful.ServeHTTP(w, r)
	if r.Method == http.MethodDelete {
		s.leases.remove(id)
		s.closeSession(id) // also if the library refused it
	}
}

// definition returns the definition of the tool that a message calls, if clients may see it.
func (s *scope) definition(m *message) string {
	if m.method != "tools/call" || s.search != nil {
		return ""
	}
	c := s.catalog()
	id := toolID{s.server, unquoteString(m.name)}
	if s.server == "" {
		id = c.index[tools].owner[id.tool]
	}
	if o := c.offer(id.server); o != nil {
		def, _ := o.definition(id.tool)
		return def
	}
	return ""
}

// A timed gives each write its time, so that a client which does not read what the
// library sends holds nothing for long.
type timed struct {
	http.ResponseWriter
	limit time.Duration // of one write
}

// Unwrap lets http.ResponseController reach the connection.
func (t *timed) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *timed) Write(p []byte) (int, error) {
	_ = http.NewResponseController(t.ResponseWriter).SetWriteDeadline(time.Now().Add(t.limit)) // without, the connection decides
	return t.ResponseWriter.Write(p)
}

// An opening is the start of a session's event stream. The library writes a
// comment first and then lets notifications through; what came before it
// dropped. So a client whose list changed meanwhile hears of it with the comment.
type opening struct {
	http.ResponseWriter
	missed func() []kind
	open   bool
}

// Unwrap lets http.ResponseController reach the connection.
func (o *opening) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *opening) Write(p []byte) (int, error) {
	n, err := o.ResponseWriter.Write(p)
	if first := !o.open; first && err == nil {
		o.open = true
		if o.Header().Get("Content-Type") == "text/event-stream" {
			err = o.catchUp()
		}
	}
	return n, err
}

// catchUp tells of the lists that changed before the stream was open.
func (o *opening) catchUp() error {
	told := ""
	for _, k := range o.missed() {
		if kinds[k].changed == told {
			continue // resources and their templates have one notification
		}
		told = kinds[k].changed
		if _, err := fmt.Fprintf(o.ResponseWriter, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":%q,\"params\":{}}\n\n", told); err != nil {
			return err
		}
	}
	return nil
}

// forget ends what belongs to a session that has ended.
func (s *scope) forget(id string) {
	s.requests.endSession(id)
	s.wishes.forget(id)
	signal(s.wished)
}

func (s *scope) closeSession(id string) {
	s.forget(id)
	for session := range s.mcp.Sessions() {
		if session.ID() == id {
			_ = session.Close() // it is gone either way
		}
	}
}

// close ends all sessions and with them the requests that are being served.
func (s *scope) close() {
	s.requests.close()
	s.helds.close()
	s.leases.close()
	for session := range s.mcp.Sessions() {
		_ = session.Close()
	}
}
