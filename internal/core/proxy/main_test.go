package proxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeUpstreams answers every request with fn, and keeps the params it got.
type fakeUpstreams struct {
	fn func(ctx context.Context, server string, params json.RawMessage) (result, rpcErr json.RawMessage, err error)

	meanwhile func() // happens while a request waits for its server; may be nil

	mu   sync.Mutex
	seen []string // server and params, guarded by mu
}

func (f *fakeUpstreams) Request(ctx context.Context, server string, r call.Request) (result, rpcErr json.RawMessage, err error) {
	f.mu.Lock()
	f.seen = append(f.seen, server+" "+r.Method+" "+string(r.Params))
	f.mu.Unlock()
	if f.meanwhile != nil {
		f.meanwhile()
	}
	if err := r.Admit(); err != nil {
		return nil, nil, err
	}
	return f.fn(ctx, server, r.Params)
}

func (f *fakeUpstreams) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) == 0 {
		return ""
	}
	return f.seen[len(f.seen)-1]
}

// answer makes a fake that gives every call the same result.
func answer(result string) *fakeUpstreams {
	return &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(result), nil, nil
	}}
}

func tool(name, definition string) stateview.Tool {
	return stateview.Tool{Name: name, Definition: definition}
}

// plainTool is a tool that needs no words.
func plainTool(name string) stateview.Tool {
	return tool(name, `{"name":"`+name+`","inputSchema":{"type":"object"}}`)
}

func connect(v *stateview.View, server string, tools ...stateview.Tool) {
	v.UpdateServer(server, func(st *stateview.ServerStatus) {
		st.Enabled, st.State, st.Tools = true, stateview.Connected, stateview.NewToolList(tools)
	})
}

func setState(v *stateview.View, server string, s stateview.State) {
	v.UpdateServer(server, func(st *stateview.ServerStatus) { st.State = s })
}

// A rig is a running endpoint behind HTTP on loopback.
type rig struct {
	view     *stateview.View
	endpoint *Endpoint
	url      string
	client   *http.Client
}

func start(t testing.TB, up Upstreams, o Options) *rig {
	t.Helper()
	o.Upstreams, o.Version = up, "1.2.3"
	if o.View == nil {
		o.View = stateview.New()
	}
	e := New(o)
	srv := httptest.NewServer(e)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) })
	r := &rig{view: o.View, endpoint: e, url: srv.URL, client: srv.Client()}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		srv.Close()
		r.client.CloseIdleConnections()
	})
	return r
}

// dial connects the library's client to a path, with a revision of its choice or the newest.
func (r *rig) dial(t testing.TB, path string, changed func()) *mcp.ClientSession {
	t.Helper()
	o := &mcp.ClientOptions{}
	if changed != nil {
		o.ToolListChangedHandler = func(context.Context, *mcp.ToolListChangedRequest) { changed() }
	}
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, o)
	s, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: r.url + path, HTTPClient: r.client}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A raw is a client written by hand: it sees what is on the wire.
type raw struct {
	t        testing.TB
	rig      *rig
	path     string
	session  string
	revision string
}

// legacy opens a session of revision 2025-06-18.
func (r *rig) legacy(t testing.TB, path string) *raw {
	t.Helper()
	c := &raw{t: t, rig: r, path: path}
	resp, body := c.post(`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"0"}}}`, nil)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"protocolVersion":"2025-06-18"`) {
		t.Fatalf("initialize: %s %s", resp.Status, body)
	}
	c.session, c.revision = resp.Header.Get(sessionHeader), "2025-06-18"
	if resp, body := c.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, nil); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("initialized: %s %s", resp.Status, body)
	}
	return c
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"raw","version":"0"}}`

func (r *rig) modern(t testing.TB, path string) *raw {
	return &raw{t: t, rig: r, path: path, revision: modern}
}

func (c *raw) request(ctx context.Context, method, body string, h map[string]string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, c.rig.url+c.path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if c.session != "" {
		req.Header.Set(sessionHeader, c.session)
	}
	if c.revision != "" {
		req.Header.Set(revisionHeader, c.revision)
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	return req
}

// post sends a message and returns the answer's body, of an event stream the data of its last event.
func (c *raw) post(body string, h map[string]string) (*http.Response, string) {
	c.t.Helper()
	resp, err := c.rig.client.Do(c.request(c.t.Context(), http.MethodPost, body, h))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		_, data, _ := strings.Cut(string(b), "data: ")
		return resp, strings.TrimSuffix(data, "\n\n")
	}
	return resp, string(b)
}

// call sends tools/call with params as written; a modern client adds what its revision asks for.
func (c *raw) call(name, params string) (*http.Response, string) {
	c.t.Helper()
	h := map[string]string{}
	if isModern(c.revision) {
		h["Mcp-Method"], h["Mcp-Name"] = "tools/call", name
		params = strings.Replace(params, "{", "{"+modernMeta+",", 1)
	}
	return c.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":`+params+`}`, h)
}

func (c *raw) list() (*http.Response, string) {
	c.t.Helper()
	h, params := map[string]string{}, ""
	if isModern(c.revision) {
		h["Mcp-Method"], params = "tools/list", `,"params":{`+modernMeta+`}`
	}
	return c.post(`{"jsonrpc":"2.0","id":7,"method":"tools/list"`+params+`}`, h)
}

// within fails the test unless ok becomes true in time.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// serveOnly puts an endpoint behind HTTP; the test runs it itself.
func serveOnly(t testing.TB, e *Endpoint) *rig {
	srv := httptest.NewServer(e)
	r := &rig{view: e.view, endpoint: e, url: srv.URL, client: srv.Client()}
	t.Cleanup(func() {
		srv.Close()
		r.client.CloseIdleConnections()
	})
	return r
}

// grace is how long the tests keep listed what a server offered.
const grace = 30 * time.Second
