package httpapi

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A route is one path with what it may be asked and who may ask.
type route struct {
	pattern string
	scope   scope
	methods map[string]http.HandlerFunc // HEAD follows GET
}

// routes is the table of everything the server answers; the front door is
// tested against it. A state is never changed by GET.
func (s *Server) routes() []route {
	type methods = map[string]http.HandlerFunc
	mcp := methods{}
	if s.opt.MCP != nil {
		mcp = methods{"GET": s.opt.MCP.ServeHTTP, "POST": s.opt.MCP.ServeHTTP, "DELETE": s.opt.MCP.ServeHTTP}
	}
	return []route{
		{"/api/v1/status", scopeAdmin, methods{"GET": plain(s.getStatus)}},
		{"/api/v1/servers", scopeAdmin, methods{"GET": plain(s.getServers), "POST": plain(s.addServer)}},
		{"/api/v1/servers/{name}", scopeAdmin, methods{"GET": plain(s.getServer), "DELETE": plain(s.removeServer)}},
		{"/api/v1/servers/{name}/tools", scopeAdmin, methods{"GET": plain(s.getTools)}},
		{"/api/v1/servers/{name}/tools/{tool}", scopeAdmin, methods{"GET": plain(s.getTool)}},
		{"/api/v1/servers/{name}/logs", scopeAdmin, methods{"GET": s.getLogs}},
		{"/api/v1/tools/search", scopeAdmin, methods{"GET": s.findTools}},
		{"/api/v1/approvals", scopeAdmin, methods{"GET": plain(s.getApprovals), "POST": plain(s.approveTools)}},
		{"/api/v1/history", scopeAdmin, s.ofHistory(s.getHistory)},
		{"/api/v1/history/uptime", scopeAdmin, s.ofHistory(s.getUptime)},
		{"/api/v1/servers/{name}/enable", scopeAdmin, methods{"POST": plain(s.setEnabled(true))}},
		{"/api/v1/servers/{name}/disable", scopeAdmin, methods{"POST": plain(s.setEnabled(false))}},
		{"/api/v1/servers/{name}/restart", scopeAdmin, methods{"POST": plain(s.restart)}},
		{"/api/v1/servers/{name}/approve", scopeAdmin, methods{"POST": plain(s.approve)}},
		{"/api/v1/events", scopeAdmin, methods{"GET": s.events}},
		{"/api/v1/page", scopeAdmin, methods{"POST": plain(s.newPage)}},
		{"/api/v1/show", scopeAdmin, methods{"POST": plain(s.signal(s.opt.Show))}},
		{"/api/v1/quit", scopeAdmin, methods{"POST": plain(s.signal(s.opt.Quit))}},
		{"/api/v1/questions", scopeAdmin, methods{"GET": plain(s.getQuestions)}},
		{"/api/v1/questions/{id}", scopeAdmin, methods{"POST": plain(s.answerQuestion)}},
		{"/api/v1/openapi.json", scopeAdmin, methods{"GET": plain(getOpenAPI)}},
		{"/questions/{id}", scopePage, methods{"POST": s.answerPage}},
		{"/approve", scopePage, methods{"POST": s.approvePage}},
		{"/approve-tools", scopePage, methods{"POST": s.approveToolsPage}},
		{"/mcp", scopeClient, mcp},
		{"/mcp/", scopeClient, mcp},
		{"/metrics", scopeAdmin, s.metrics()},
		{"/healthz", scopeOpen, methods{"GET": s.getHealth}},
		{"/readyz", scopeOpen, methods{"GET": s.getReady}},
		{"/{$}", scopePage, methods{"GET": s.getPage}},
		{"/open/{code}", scopeOpen, methods{"GET": s.openPage}},
		{"/", scopeAdmin, nil},
	}
}

// handle is what happens to a request of a route that came through the front
// door: token, method, size, then its handler.
func (s *Server) handle(rt route) http.Handler {
	var allowed []string
	for m := range rt.methods {
		allowed = append(allowed, m)
		if m == "GET" {
			allowed = append(allowed, "HEAD")
		}
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	limit := int64(maxAPIBytes)
	if rt.scope == scopeClient {
		limit = maxMCPBytes
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rt.scope != scopeClient { // the server itself lifts it before the next request
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // fails only where there is no connection
		}
		method := r.Method
		if method == "HEAD" {
			method = "GET"
		}
		if e := s.authorize(r, rt.scope); e != nil {
			if rt.scope == scopePage && method == "GET" {
				s.closedPage(w) // a person looks at it
				return
			}
			refuse(w, r, e)
			return
		}
		h := rt.methods[method]
		switch {
		case len(rt.methods) == 0:
			refuse(w, r, errNoRoute)
		case h == nil:
			w.Header().Set("Allow", allow)
			refuse(w, r, errMethod)
		case r.ContentLength > limit:
			refuse(w, r, errTooLarge)
		case r.ContentLength == 0:
			h(w, r)
		default:
			r.Body = http.MaxBytesReader(w, newTimedBody(w, r.Body), limit)
			h(w, r)
		}
	})
}

// authorize is the door's, but that a browser's session opens the page, too.
func (s *Server) authorize(r *http.Request, want scope) *apiError {
	if want == scopePage && s.hasSession(r) {
		return nil
	}
	return s.door.authorize(r, want)
}

// A timedBody is a request's body that must be read within bodyTimeout.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func newTimedBody(w http.ResponseWriter, body io.ReadCloser) io.ReadCloser {
	b := timedBody{body, http.NewResponseController(w)}
	if b.conn.SetReadDeadline(time.Now().Add(bodyTimeout)) != nil {
		return body // not a real connection
	}
	return b
}

// Read lifts the deadline at the end of the body: from then on the connection
// is read only to see that the client is still there, and a call may take longer.
func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.conn.SetReadDeadline(time.Time{}) // it worked before
	}
	return n, err
}
