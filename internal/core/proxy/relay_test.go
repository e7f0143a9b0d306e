package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/stateview"
)

// odd is a definition with everything that a typed relay loses: unknown members,
// absent hints, numbers above 2^53, spaces, an odd order of keys, <>& unescaped.
const odd = `{ "x-first" : 12345678901234567890, "annotations":{"title":"T"},"description":"a <b> & \u00e9 \u2028","inputSchema":{"type":"object","z":1.0e5,"properties":{"n":{"type":"integer","maximum":9007199254740993}}},"name":"odd one","execution":{"taskSupport":"optional"}}`

const oddResult = `{"content":[{"type":"video","src":"x","n":9007199254740993},{"text":"<&>\u2028","type":"text"}], "future" : {"b":1,"a":[ ]},"structuredContent":12345678901234567890}`

func TestListIsTheServersBytes(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "zeta", plainTool("last"))
	connect(r.view, "alpha", tool("odd one", odd), plainTool("b"), plainTool("a"))
	renamed := strings.Replace(odd, `"odd one"`, `"`+toolName(toolID{"alpha", "odd one"})+`"`, 1)
	def := func(name string) string { return `{"name":"` + name + `","inputSchema":{"type":"object"}}` }
	all := `[` + strings.Join([]string{renamed, def("alpha__b"), def("alpha__a"), def("zeta__last")}, ",") + `]`
	one := `[` + strings.Join([]string{odd, def("b"), def("a")}, ",") + `]`
	for _, c := range []struct{ path, want string }{{"/mcp", all}, {"/mcp/server/alpha", one}} {
		if _, got := r.legacy(t, c.path).list(); got != `{"jsonrpc":"2.0","id":7,"result":{"tools":`+c.want+`}}` {
			t.Errorf("%s, with a session = %s, want %s", c.path, got, c.want)
		}
		_, got := r.modern(t, c.path).list()
		want := `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","tools":` + c.want +
			`,"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"mcpproxy-tray","version":"1.2.3"}}}}`
		if got != want {
			t.Errorf("%s, without = %s, want %s", c.path, got, want)
		}
	}
}

func TestCallIsTheServersBytes(t *testing.T) {
	up := answer(oddResult)
	r := start(t, up, Options{})
	connect(r.view, "alpha", tool("odd one", odd))
	name := toolName(toolID{"alpha", "odd one"})
	const rest = `"task":{"ttl":9007199254740993}, "arguments" : {"b":12345678901234567890,"a":"<\u00e9>"},"vendor":[ 1.0 ]}`
	for _, c := range []struct{ path, name string }{{"/mcp", name}, {"/mcp/server/alpha", "odd one"}} {
		params := `{ "name":"` + c.name + `",` + rest
		if _, got := r.legacy(t, c.path).call(c.name, params); got != `{"jsonrpc":"2.0","id":7,"result":`+oddResult+`}` {
			t.Errorf("%s, with a session = %s", c.path, got)
		}
		if got, want := up.last(), `alpha tools/call { "name":"odd one",`+rest; got != want {
			t.Errorf("%s: the server got %s, want %s", c.path, got, want)
		}
		want := `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete",` + oddResult[1:] + `}`
		if _, got := r.modern(t, c.path).call(c.name, params); got != want {
			t.Errorf("%s, without = %s, want %s", c.path, got, want)
		}
		if got, want := up.last(), `alpha tools/call {`+modernMeta+`, "name":"odd one",`+rest; got != want {
			t.Errorf("%s: the server got %s, want %s", c.path, got, want)
		}
	}
}

func TestLineBreaksBecomeSpaces(t *testing.T) {
	r := start(t, answer("{\r\n \"content\":\n[]}"), Options{})
	connect(r.view, "s", tool("t", "{\n\"name\": \"t\"\n}"))
	c := r.legacy(t, "/mcp")
	if _, got := c.call("s__t", `{"name":"s__t"}`); got != `{"jsonrpc":"2.0","id":7,"result":{   "content": []}}` {
		t.Errorf("call = %q", got)
	}
	if _, got := c.list(); got != `{"jsonrpc":"2.0","id":7,"result":{"tools":[{ "name": "s__t" }]}}` {
		t.Errorf("list = %q", got)
	}
}

func TestResultTypeIsOnlyAddedWhereAbsent(t *testing.T) {
	for result, want := range map[string]string{
		`{}`:                             `{"resultType":"complete"}`,
		` { "a":1}`:                      `{"resultType":"complete", "a":1}`,
		`{"resultType":"task","x":1}`:    `{"resultType":"task","x":1}`,
		`{"a":{"resultType":"x"}}`:       `{"resultType":"complete","a":{"resultType":"x"}}`,
		`{"result\u0054ype":"task"}`:     `{"result\u0054ype":"task"}`,
		`{"a":"\"resultType\":\"x\"{}"}`: `{"resultType":"complete","a":"\"resultType\":\"x\"{}"}`,
	} {
		if got := string(bytes.Join(asModern("tools/call", []byte(result)), nil)); got != want {
			t.Errorf("asModern(%s) = %s, want %s", result, got, want)
		}
	}
}

func TestErrorsPassAsTheServerWroteThem(t *testing.T) {
	const body = `{"code":-32042,"message":"no <way> \ud83d\ude00","data":{"n":9007199254740993, "z":[ ]},"hint":true}`
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return nil, json.RawMessage(body), nil
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	for _, c := range []*raw{r.legacy(t, "/mcp"), r.modern(t, "/mcp")} {
		if _, got := c.call("s__t", `{"name":"s__t"}`); got != `{"jsonrpc":"2.0","id":7,"error":`+body+`}` {
			t.Errorf("revision %s = %s", c.revision, got)
		}
	}
	var rpc *jsonrpc.Error
	_, err := r.dial(t, "/mcp", nil).CallTool(t.Context(), &mcp.CallToolParams{Name: "s__t"})
	if !errors.As(err, &rpc) || rpc.Code != -32042 {
		t.Errorf("the library's client sees %v", err)
	}
}

func TestModernErrorsHaveTheirStatus(t *testing.T) {
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return nil, json.RawMessage(`{"code":-32602,"message":"bad","data":1}`), nil
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	resp, body := r.modern(t, "/mcp").call("s__t", `{"name":"s__t"}`)
	if resp.StatusCode != http.StatusBadRequest || body != `{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"bad","data":1}}` {
		t.Errorf("%s %s", resp.Status, body)
	}
}

type explainedError struct{}

func (explainedError) Error() string { return "EPIPE secret" }
func (explainedError) Problem() stateview.Problem {
	return stateview.Problem{Text: "It took too long."}
}

func TestRefusalsAreOurWords(t *testing.T) {
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return nil, nil, errors.New("EPIPE secret")
	}}
	r := start(t, up, Options{})
	held := tool("held", `{"name":"held","description":"secret"}`)
	held.Held = true
	connect(r.view, "s", plainTool("t"), held)
	for name, state := range map[string]stateview.State{"off": stateview.Disabled, "q": stateview.Quarantined, "lost": stateview.Backoff, "auth": stateview.AuthRequired, "bad": stateview.Failed} {
		// at once, because a server that was connected stays listed for a while
		r.view.UpdateServer(name, func(st *stateview.ServerStatus) {
			st.Enabled, st.State, st.Tools = true, state, stateview.NewToolList([]stateview.Tool{plainTool("t")})
		})
	}
	setState(r.view, "fresh", stateview.Connecting)
	for _, c := range []struct {
		name, want string
		code       int64
	}{
		{"s__t", `The server "s" did not answer the call, which may or may not have run. The connection to it broke.`, -32603},
		{"s__none", `There is no tool "s__none".`, -32602},
		{"nobody__t", `There is no tool "nobody__t".`, -32602},
		{"s__held", `The tool "s__held" is held back until a person approves it in mcpproxy-tray.`, -32602},
		{"off__t", `The server "off" is disabled.`, -32602},
		{"q__t", `The server "q" is held back until a person approves it in mcpproxy-tray.`, -32602},
		{"lost__t", `The server "lost" is not connected right now; the call was not sent.`, -32603},
		{"fresh__t", `The server "fresh" is not connected right now; the call was not sent.`, -32603},
		{"auth__t", `The server "auth" waits for a person to sign in; the call was not sent.`, -32603},
		{"bad__t", `The server "bad" does not work and needs a person; the call was not sent.`, -32603},
	} {
		server, tool, _ := strings.Cut(c.name, "__")
		clients := map[*raw]string{r.legacy(t, "/mcp"): c.name, r.modern(t, "/mcp"): c.name}
		want := c.want
		for client, name := range clients {
			checkRefusal(t, client, name, c.code, want)
		}
		if server != "nobody" {
			want = strings.Replace(want, `"`+c.name+`"`, `"`+tool+`"`, 1)
			checkRefusal(t, r.legacy(t, "/mcp/server/"+server), tool, c.code, want)
		}
	}
}

func checkRefusal(t *testing.T, c *raw, name string, code int64, want string) {
	t.Helper()
	_, body := c.call(name, `{"name":"`+name+`"}`)
	var got struct {
		Error struct {
			Code    int64
			Message string
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if got.Error.Message != want || got.Error.Code != code {
		t.Errorf("calling %s (%s) = %s, want %d %s", name, c.revision, body, code, want)
	}
}

func TestExplainedErrorsSpeakForThemselves(t *testing.T) {
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return nil, nil, explainedError{}
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	checkRefusal(t, r.legacy(t, "/mcp"), "s__t", -32603, `The server "s" did not answer the call, which may or may not have run. It took too long.`)
}

// unsentError is an error of a request that never left.
type unsentError struct{ explainedError }

func (unsentError) Unsent() bool { return true }

func TestCallsThatWereNotSentSaySo(t *testing.T) {
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return nil, nil, fmt.Errorf("request: %w", unsentError{})
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	checkRefusal(t, r.legacy(t, "/mcp"), "s__t", -32603, `The server "s" was not asked. It took too long.`)
}

func TestHeldToolsAreNotListed(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	held := tool("t", `{"name":"t","description":"secret"}`)
	held.Held = true
	connect(r.view, "s", plainTool("t"), held, plainTool("u"))
	_, body := r.legacy(t, "/mcp").list()
	if strings.Contains(body, "secret") || strings.Contains(body, "s__t") || !strings.Contains(body, "s__u") {
		t.Errorf("list = %s", body)
	}
}

// blocked is an upstream whose calls end with their context alone.
func blocked() (up *fakeUpstreams, started, ended chan struct{}) {
	started, ended = make(chan struct{}, 1), make(chan struct{}, 1)
	return &fakeUpstreams{fn: func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, nil, ctx.Err()
	}}, started, ended
}

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(5 * time.Second):
		t.Fatalf("did not happen: %s", what)
	}
}

func TestClientGoneCancelsTheCall(t *testing.T) {
	for _, era := range []string{"legacy", "modern"} {
		up, started, ended := blocked()
		r := start(t, up, Options{})
		connect(r.view, "s", plainTool("t"))
		c, h, params := r.modern(t, "/mcp"), map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"}, `{`+modernMeta+`,"name":"s__t"}`
		if era == "legacy" {
			c, h, params = r.legacy(t, "/mcp"), nil, `{"name":"s__t"}`
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{}, 1)
		go func() {
			defer close(done)
			if resp, err := r.client.Do(c.request(ctx, http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":`+params+`}`, h)); err == nil {
				_ = resp.Body.Close()
			}
		}()
		wait(t, started, era+" call reaches the server")
		cancel()
		wait(t, ended, era+" call is cancelled")
		<-done
	}
}

func TestCancelledNotificationCancelsTheCall(t *testing.T) {
	up, started, ended := blocked()
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	got := make(chan string, 1)
	go func() {
		_, body := c.call("s__t", `{"name":"s__t"}`)
		got <- body
	}()
	wait(t, started, "call reaches the server")
	c.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`, nil)
	wait(t, ended, "call is cancelled")
	if body := <-got; !strings.Contains(body, "The call was cancelled") {
		t.Errorf("answer = %s", body)
	}
}

func TestRunEndsWhatIsServed(t *testing.T) {
	up, started, ended := blocked()
	v := stateview.New()
	connect(v, "s", plainTool("t"))
	e := New(Options{View: v, Upstreams: up})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	r := serveOnly(t, e)
	c := r.legacy(t, "/mcp/server/s")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		c.call("t", `{"name":"t"}`)
	}()
	wait(t, started, "call reaches the server")
	cancel()
	wait(t, ended, "call is cancelled")
	wait(t, answered, "client has its answer")
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
	if resp, body := r.modern(t, "/mcp").list(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after Run: %s %s", resp.Status, body)
	}
}

// TestToolsOfAServerThatIsAwayStay has a server lost and back: clients see the same
// list all the time, and a call is taken to whoever brings it back.
func TestToolsOfAServerThatIsAwayStay(t *testing.T) {
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(`{"content":[]}`), nil, nil
	}}
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	first := newCatalog(r.view.Snapshot(), nil, grace)
	last := first
	for _, state := range []stateview.State{stateview.Backoff, stateview.Connecting, stateview.Backoff, stateview.Stopping, stateview.Connecting} {
		r.view.UpdateServer("s", func(st *stateview.ServerStatus) { st.State, st.Tools = state, stateview.ToolList{} })
		if last = newCatalog(r.view.Snapshot(), last, grace); last.lists[tools].version != first.lists[tools].version || refusal(last, toolID{"s", "t"}, "s__t") != nil {
			t.Errorf("%v: version %d, %v", state, last.lists[tools].version, refusal(last, toolID{"s", "t"}, "s__t"))
		}
		if refusal(last, toolID{"s", "none"}, "s__none") == nil {
			t.Errorf("%v: a tool that was not there", state)
		}
	}
	connect(r.view, "s", plainTool("t"))
	if last = newCatalog(r.view.Snapshot(), last, grace); last.lists[tools].version != first.lists[tools].version {
		t.Errorf("back: version %d", last.lists[tools].version)
	}
	for _, state := range []stateview.State{stateview.Failed, stateview.Quarantined, stateview.AuthRequired} {
		setState(r.view, "s", state)
		if c := newCatalog(r.view.Snapshot(), last, grace); c.lists[tools].version == first.lists[tools].version || refusal(c, toolID{"s", "t"}, "s__t") == nil {
			t.Errorf("%v: still offered", state)
		}
	}
}

// TestCallsDoNotReachAnotherServer has a server replaced, under its name, while a call
// waits for it. The call is refused: the person's client meant the one before.
func TestCallsDoNotReachAnotherServer(t *testing.T) {
	sent := false
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		sent = true
		return json.RawMessage(`{"content":[]}`), nil, nil
	}}
	r := start(t, up, Options{})
	launch := func(id string, state stateview.State) {
		r.view.UpdateServer("s", func(st *stateview.ServerStatus) {
			st.State = state
			st.SetLaunch(stateview.Launch{Line: id, ID: id})
		})
	}
	client := r.legacy(t, "/mcp")
	for tool, want := range map[string]string{"new": `There is no tool "s__old".`, "old": `The server "s" was replaced by another one; the request was not sent.`} {
		connect(r.view, "s", plainTool("old"))
		launch("before", stateview.Connected)
		up.meanwhile = func() { // the entry is edited
			launch("after", stateview.Connecting)
			connect(r.view, "s", plainTool(tool))
		}
		if _, body := client.call("s__old", `{"name":"s__old"}`); !strings.Contains(body, strings.ReplaceAll(want, `"`, `\"`)) {
			t.Errorf("a server with %s: %s", tool, body)
		}
	}
	if sent {
		t.Error("the call was sent to another program")
	}
}

// TestGraceEnds: after a while the tools of a server that is away leave the lists.
func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		view := stateview.New()
		connect(view, "s", plainTool("t"))
		c := newCatalog(view.Snapshot(), nil, grace)
		for _, step := range []struct {
			wait  time.Duration
			tools int
		}{{0, 1}, {grace - time.Second, 1}, {2 * time.Second, 0}, {time.Hour, 0}} {
			time.Sleep(step.wait)
			view.UpdateServer("s", func(st *stateview.ServerStatus) {
				st.State, st.Tools, st.Attempt = stateview.Backoff, stateview.ToolList{}, st.Attempt+1
			})
			if c = newCatalog(view.Snapshot(), c, grace); len(c.offers[0].shown[tools]) != step.tools {
				t.Errorf("after %v more: %d tools, want %d", step.wait, len(c.offers[0].shown[tools]), step.tools)
			}
		}
		connect(view, "s", plainTool("t"))
		if c = newCatalog(view.Snapshot(), c, grace); len(c.offers[0].shown[tools]) != 1 {
			t.Error("the tools of a server that is back are not listed")
		}
	})
}
