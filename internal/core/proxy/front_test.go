package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestBadRequests(t *testing.T) {
	up := answer(`{}`)
	r := start(t, up, Options{MaxBodyBytes: 4096})
	connect(r.view, "s", plainTool("t"))
	call := func(params string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`
	}
	for _, c := range []struct {
		name, body string
		header     map[string]string
		status     int
		want       string
	}{
		{"not JSON", `{"jsonrpc":`, nil, 400, "not valid JSON"},
		{"empty", ``, nil, 400, "not valid JSON"},
		{"null", `null`, nil, 400, `"code":-32600,"message":"The body is not a JSON-RPC message."`},
		{"a string", `"x"`, nil, 400, `"code":-32600,"message":"The body is not a JSON-RPC message."`},
		{"compressed", call(`{"name":"s__t"}`), map[string]string{"Content-Encoding": "gzip"}, 415, "Content-Encoding"},
		{"in UTF-16", call(`{"name":"s__t"}`), map[string]string{"Content-Type": "application/json; charset=utf-16"}, 415, "UTF-8"},
		{"in UTF-8, which it says", call(`{"name":"s__t"}`), map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200, `"result":{}`},
		{"initialize in a session", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`, nil, 400, "has begun already"},
		{"initialize without params", `{"jsonrpc":"2.0","id":1,"method":"initialize"}`, map[string]string{sessionHeader: ""}, 400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"The params of initialize are not`},
		{"initialize with odd params", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":7}}`, map[string]string{sessionHeader: ""}, 400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"The params of initialize are not`},
		{"subscribe to a number", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":7}}`, nil, 400, `"code":-32602,"message":"The params of resources/subscribe are not`},
		{"a level that there is not", `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"loud"}}`, nil, 200, "-32602"},
		{"not UTF-8", call("{\"name\":\"s__t\",\"a\":\"\xff\"}"), nil, 400, "not valid JSON"},
		{"deep", call(`{"name":"s__t","a":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`), nil, 200, `"result":{}`},
		{"too deep", call(`{"name":"s__t","a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`), nil, 400, "too deeply"},
		{"too large", call(`{"name":"` + strings.Repeat("x", 5000) + `"}`), nil, 413, "too large"},
		{"two methods", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"s__t"}}`, nil, 400, "occurs twice"},
		{"two params", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{},"p\u0061rams":{"name":"s__t"}}`, nil, 400, "occurs twice"},
		{"two names", call(`{"name":"s__u","name":"s__t"}`), nil, 400, "occurs twice"},
		{"params is a list", call(`["s__t"]`), nil, 200, `"error"`},
		{"no params", `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, nil, 200, "The params have no"},
		{"name is a number", call(`{"name":7}`), nil, 200, "is not a string"},
		{"no name", call(`{}`), nil, 200, "-32602"},
		{"a cursor", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}`, nil, 200, "cursor"},
		{"a feature we lack", `{"jsonrpc":"2.0","id":1,"method":"prompts/list","params":{}}`, nil, 200, "-32601"},
		{"an unknown method", `{"jsonrpc":"2.0","id":1,"method":"x/y","params":{}}`, nil, 200, "-32601"},
		{"a key of its own", `{"jsonrpc":"2.0","id":1,"Method":"x","method":"tools/call","params":{"name":"s__t","arguments":"` + strings.Repeat("A", 26) + `"}}`, nil, 200, `"result":{}`},
		{"unknown session", call(`{"name":"s__t"}`), map[string]string{sessionHeader: "nope"}, 404, "no such session"},
		{"no session", call(`{"name":"s__t"}`), map[string]string{sessionHeader: ""}, 400, "begins with initialize"},
		{"JSON that says it is text", call(`{"name":"s__t"}`), map[string]string{"Content-Type": "text/plain"}, 415, "application/json"},
		{"text", `hello`, map[string]string{"Content-Type": "text/plain"}, 400, "not valid JSON"},
		{"modern body, old header", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: "2025-06-18"}, 400, "-32020"},
		{"modern body, no header", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: ""}, 400, "header"},
		{"name that contradicts", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "tools/call", "Mcp-Name": "s__u"}, 400, "mismatch"},
		{"name in no header", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "tools/call"}, 400, "-32020"},
		{"name in a wrapped header", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "tools/call", "Mcp-Name": "=?base64?c19fdA==?="}, 200, `"result":{`},
		{"name in a header that is wrapped badly", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "tools/call", "Mcp-Name": "=?base64?*?="}, 400, "-32020"},
		{"method that contradicts", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "ping", "Mcp-Name": "s__t"}, 400, "-32020"},
		{"another method than the library's", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modernMeta + `}}`, map[string]string{revisionHeader: modern, "Mcp-Method": "ping"}, 400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32020`},
		{"no method in the header", call(`{` + modernMeta + `,"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Name": "s__t"}, 400, "-32020"},
		{"a revision to come", call(strings.Replace(`{`+modernMeta+`,"name":"s__t"}`, modern, "2027-01-01", 1)), map[string]string{revisionHeader: "2027-01-01", "Mcp-Method": "tools/call", "Mcp-Name": "s__t"}, 400, `"code":-32022,"message":"This revision of the protocol is not supported.","data":{"supported":["2026-07-28"`},
		{"a revision that never was", call(`{"name":"s__t"}`), map[string]string{revisionHeader: "2025-01-01"}, 400, "not supported"},
		{"no capabilities", call(`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "tools/call", "Mcp-Name": "s__t"}, 400, "-32602"},
		{"two revisions", call(`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/protocolVersion":"2025-06-18"},"name":"s__t"}`), nil, 400, "occurs twice"},
		{"an id that is an object", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, nil, 400, "not a JSON-RPC message"},
		{"an id that is null", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, nil, 400, "not a JSON-RPC message"},
		{"another JSON-RPC", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, nil, 400, "not a JSON-RPC message"},
		{"neither method nor result", `{"jsonrpc":"2.0","id":1}`, nil, 400, "not a JSON-RPC message"},
		{"nothing that can be answered with", call(`{"name":"s__t"}`), map[string]string{"Accept": "text/html"}, 406, "Accept"},
		{"a list in a newer revision", `[` + call(`{"name":"s__t"}`) + `]`, nil, 400, "no batches"},
		{"an empty list", `[]`, map[string]string{revisionHeader: ""}, 400, "not a JSON-RPC message"},
		{"a list too long", `[1` + strings.Repeat(",1", 1000) + `]`, map[string]string{revisionHeader: ""}, 400, "1,000"},
		{"a list of no messages", `[1]`, map[string]string{revisionHeader: ""}, 200, `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600`},
		{"header without meta", call(`{"name":"s__t"}`), map[string]string{revisionHeader: modern, "Mcp-Method": "tools/call", "Mcp-Name": "s__t"}, 400, "-32602"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := r.legacy(t, "/mcp").post(c.body, c.header)
			if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%d %s, want %d with %q", resp.StatusCode, body, c.status, c.want)
			}
		})
	}
}

// TestIDsComeBackAsTheyWere looks at the requests that the library answers.
func TestIDsComeBackAsTheyWere(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	session := r.legacy(t, "/mcp")
	for _, id := range []string{`9007199254740993`, `12345678901234567890`, `1.5`, `1e2`, `-0`, `"\u0031"`, `""`} {
		want := `{"jsonrpc":"2.0","id":` + id + `,"result":{`
		if resp, got := session.post(`{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`, nil); !strings.HasPrefix(got, want) {
			t.Errorf("ping %s: %s %s", id, resp.Status, got)
		}
		hello := `{"jsonrpc":"2.0","id":` + id + `,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`
		for _, accept := range []string{"application/json", "text/event-stream", "*/*"} {
			resp, got := session.post(hello, map[string]string{sessionHeader: "", "Accept": accept})
			if !strings.HasPrefix(got, want) || resp.Header.Get(sessionHeader) == "" {
				t.Errorf("initialize %s for %s: %s %s", id, accept, resp.Status, got)
			}
		}
	}
}

func TestUnknownAddresses(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "a b/c", plainTool("t"))
	for path, code := range map[string]string{
		"/mcp/": "MPT-HTTP-NOT-FOUND", "/mcp/x": "MPT-HTTP-NOT-FOUND", "/": "MPT-HTTP-NOT-FOUND", "/mcp/server": "MPT-HTTP-NOT-FOUND",
		"/mcp/server/": "MPT-SERVER-UNKNOWN", "/mcp/server/nobody": "MPT-SERVER-UNKNOWN", "/mcp/server/a%20b": "MPT-SERVER-UNKNOWN",
	} {
		resp, body := r.modern(t, path).list()
		var doc refusedRequest
		if err := json.Unmarshal([]byte(body), &doc); err != nil || resp.StatusCode != http.StatusNotFound || doc.Error.Code != code || doc.Error.Text == "" {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if _, body := r.modern(t, "/mcp/server/a%20b%2Fc").list(); !strings.Contains(body, `{"name":"t"`) {
		t.Errorf("a server of an odd name: %s", body)
	}
}

func TestBatchOfRevision20250326(t *testing.T) {
	up := &fakeUpstreams{fn: func(_ context.Context, _ string, params json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(`{"echo":` + string(params) + `}`), nil, nil
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	resp, err := r.client.Do(c.request(t.Context(), http.MethodPost, `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__t","n":1}},
		{"jsonrpc":"2.0","id":2,"method":"tools/list"}, {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"s__t","n":3}}]`, map[string]string{revisionHeader: "2025-03-26"}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b strings.Builder
	_ = resp.Write(&b)
	want := `[{"jsonrpc":"2.0","id":1,"result":{"echo":{"name":"t","n":1}}},{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"s__t","inputSchema":{"type":"object"}}]}},{"jsonrpc":"2.0","id":3,"result":{"echo":{"name":"t","n":3}}}]`
	if got := b.String(); !strings.HasSuffix(got, "\r\n\r\n"+want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if resp, body := c.post(`[{"jsonrpc":"2.0","method":"notifications/x"}]`, map[string]string{revisionHeader: ""}); resp.StatusCode != http.StatusAccepted || body != "" {
		t.Errorf("a batch that asks nothing: %s %q", resp.Status, body)
	}
	const odd = `[{"jsonrpc":"2.0","id":"p","method":"ping"},{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}]`
	if _, body := c.post(odd, map[string]string{revisionHeader: ""}); !strings.HasPrefix(body, `[{"jsonrpc":"2.0","id":"p","result":{}},{"jsonrpc":"2.0","id":2,"error":`) {
		t.Errorf("a batch of what is not relayed: %s", body)
	}
}

// TestAnswerFitsWhatIsAccepted has each client get what its Accept header allows.
func TestAnswerFitsWhatIsAccepted(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	const answer = `{"jsonrpc":"2.0","id":7,"result":{}}`
	for accept, want := range map[string][2]string{
		"application/json, text/event-stream":     {"application/json", answer},
		"application/json":                        {"application/json", answer},
		"text/html, */*;q=0.1":                    {"application/json", answer},
		"Text/Event-Stream;q=0.9":                 {"text/event-stream", "event: message\ndata: " + answer + "\n\n"},
		"text/event-stream, application/json;q=1": {"application/json", answer},
	} {
		req := c.request(t.Context(), http.MethodPost, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s__t"}}`, map[string]string{"Accept": accept})
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := [2]string{resp.Header.Get("Content-Type"), string(body)}; got != want {
			t.Errorf("%q gets %q, want %q", accept, got, want)
		}
	}
}

// TestIDsAreTheClientsBytes has ids come back as they were written.
func TestIDsAreTheClientsBytes(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	for _, c := range []*raw{r.legacy(t, "/mcp"), r.modern(t, "/mcp")} {
		for _, id := range []string{`7`, `-7`, `"7"`, `"\u0061<&>"`, `12345678901234567890`, `1.50`, `""`} {
			h, params := map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"}, `{`+modernMeta+`,"name":"s__t"}`
			if !isModern(c.revision) {
				h, params = nil, `{"name":"s__t"}`
			}
			_, body := c.post(`{"params":`+params+`,"method":"tools/call","id": `+id+` ,"jsonrpc":"2.0"}`, h)
			if !strings.HasPrefix(body, `{"jsonrpc":"2.0","id":`+id+`,"result":{`) {
				t.Errorf("%s of revision %s: %s", id, c.revision, body)
			}
		}
	}
}

// TestCancelledRequestEndsUpstream has a client take back a request of its session.
func TestCancelledRequestEndsUpstream(t *testing.T) {
	begun, ended := make(chan struct{}, 10), make(chan struct{}, 10)
	up := &fakeUpstreams{fn: func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, nil, context.Cause(ctx)
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c, other := r.legacy(t, "/mcp"), r.legacy(t, "/mcp")
	got := make(chan string, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, body := c.call("s__t", `{"name":"s__t"}`)
		got <- body
	})
	defer wg.Wait()
	<-begun
	if resp, body := c.call("s__t", `{"name":"s__t"}`); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "this id is being served") {
		t.Errorf("the same id again: %s %s", resp.Status, body)
	}
	cancel := func(c *raw, id string) {
		resp, body := c.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`,"reason":"x"}}`, nil)
		if resp.StatusCode != http.StatusAccepted || body != "" {
			t.Errorf("cancelled: %s %s", resp.Status, body)
		}
	}
	cancel(other, "7")
	cancel(c, `"7"`)
	cancel(c, `8`)
	select {
	case <-ended:
		t.Fatal("another request's cancellation ended this one")
	default:
	}
	cancel(c, "7")
	<-ended
	if body := <-got; !strings.Contains(body, "was cancelled") {
		t.Errorf("its answer: %s", body)
	}
}

// TestEndedSessionEndsItsRequests has DELETE end what its session still asks.
func TestEndedSessionEndsItsRequests(t *testing.T) {
	begun := make(chan struct{})
	up := &fakeUpstreams{fn: func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		close(begun)
		<-ctx.Done()
		return nil, nil, context.Cause(ctx)
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	var wg sync.WaitGroup
	wg.Go(func() { c.call("s__t", `{"name":"s__t"}`) })
	<-begun
	resp, err := r.client.Do(c.request(t.Context(), http.MethodDelete, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	wg.Wait()
	if resp, body := c.list(); resp.StatusCode != http.StatusNotFound {
		t.Errorf("after its session ended: %s %s", resp.Status, body)
	}
}

func TestManyClientsGetTheirOwnAnswers(t *testing.T) {
	up := &fakeUpstreams{fn: func(_ context.Context, server string, params json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(`{"from":"` + server + `","got":` + string(params) + `}`), nil, nil
	}}
	r := start(t, up, Options{Settle: time.Millisecond})
	for i := range 4 {
		connect(r.view, fmt.Sprint("s", i), plainTool("t"))
	}
	var wg sync.WaitGroup
	for i := range 16 {
		c := r.legacy(t, "/mcp")
		if i%2 == 0 {
			c = r.modern(t, "/mcp")
		}
		name := fmt.Sprintf("s%d__t", i%4)
		wg.Go(func() {
			for n := range 20 {
				_, body := c.call(name, fmt.Sprintf(`{"name":%q,"n":"%d/%d"}`, name, i, n))
				if !strings.Contains(body, fmt.Sprintf(`"from":"s%d"`, i%4)) || !strings.Contains(body, fmt.Sprintf(`"n":"%d/%d"`, i, n)) {
					t.Errorf("client %d, call %d = %s", i, n, body)
				}
				c.list()
			}
		})
	}
	wg.Go(func() {
		for i := range 50 {
			connect(r.view, "busy", plainTool(fmt.Sprint("t", i)))
		}
	})
	wg.Wait()
	r.endpoint.mu.Lock()
	defer r.endpoint.mu.Unlock()
	for _, s := range r.endpoint.scopes {
		if n := len(s.requests.open); n != 0 {
			t.Errorf("%d requests are left over", n)
		}
	}
}

func TestLeaseEndsWhatIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ended []string // guarded by mu: timers run on goroutines of their own
		l := leases{timeout: time.Hour, expired: func(id string) {
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, id)
		}}
		at := func(d time.Duration, want ...string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if fmt.Sprint(ended) != fmt.Sprint(want) {
				t.Fatalf("ended %v, want %v", ended, want)
			}
		}
		l.add("idle")
		l.add("streaming")
		l.take("streaming")
		l.add("deleted")
		l.take("deleted")
		l.remove("deleted")
		l.release("deleted")
		l.take("unknown")
		l.release("unknown")
		at(59 * time.Minute)
		at(2*time.Minute, "idle")
		at(100*time.Hour, "idle")
		l.take("streaming") // a call while it streams
		l.release("streaming")
		at(100*time.Hour, "idle")
		l.release("streaming")
		at(59*time.Minute, "idle")
		at(2*time.Minute, "idle", "streaming")
		l.add("late")
		l.close()
		at(2*time.Hour, "idle", "streaming")
		if l.add("too late") {
			t.Error("a session began after close")
		}
	})
}

func TestVanishedClientsSessionEnds(t *testing.T) {
	r := start(t, answer(`{}`), Options{SessionTimeout: 20 * time.Millisecond})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	within(t, 5*time.Second, "the session is gone", func() bool {
		for range r.endpoint.scope("").mcp.Sessions() {
			return false
		}
		return true
	})
	if resp, body := c.list(); resp.StatusCode != http.StatusNotFound {
		t.Errorf("after its session ended: %s %s", resp.Status, body)
	}
}
