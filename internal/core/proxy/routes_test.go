package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
)

// routed is an endpoint with two servers that have everything.
func routed(t *testing.T, up *fakeUpstreams) *rig {
	r := start(t, up, Options{})
	connectOffer(r.view, "a", stateview.Offer{
		Capabilities: everything,
		Prompts:      items("name", "odd one"), Resources: items("uri", "file:///shared"), Templates: items("uriTemplate", "x://{+any}", "file:///{path}"),
	}, plainTool("t"))
	connectOffer(r.view, "b", stateview.Offer{
		Capabilities: everything,
		Prompts:      items("name", "p"), Resources: items("uri", "file:///shared", "file:///b", "ui://b/app.html"), Templates: items("uriTemplate", "x://b/{id}", "file:///{path}"),
	}, plainTool("t"))
	return r
}

func TestRequestsReachTheirServer(t *testing.T) {
	up := answer(oddResult)
	r := routed(t, up)
	odd := toolName(toolID{"a", "odd one"})
	const rest = `"z":9007199254740993,"a":[ 1.0,"<\u00e9>"]}`
	for _, c := range []struct{ path, method, params, server, want string }{
		{"/mcp", "prompts/get", `{"name":"` + odd + `","arguments":{"b":"1","a":"2"},` + rest, "a", `{"name":"odd one","arguments":{"b":"1","a":"2"},` + rest},
		{"/mcp", "prompts/get", `{"name":"b__p",` + rest, "b", `{"name":"p",` + rest},
		{"/mcp", "resources/read", `{"uri":"file:///shared",` + rest, "a", ""}, // the first in name order
		{"/mcp", "resources/read", `{"uri":"file:///b",` + rest, "b", ""},
		{"/mcp", "resources/read", `{"uri":"ui://b/app.html",` + rest, "b", ""},
		{"/mcp", "resources/read", `{"uri":"file:///any/where",` + rest, "a", ""},
		{"/mcp", "resources/read", `{"uri":"x://b/7",` + rest, "b", ""}, // the more exact template
		{"/mcp", "resources/read", `{"uri":"x://c/7",` + rest, "a", ""},
		{"/mcp", "completion/complete", `{"ref":{ "type":"ref/prompt","name":"` + odd + `","t":1.0},"argument":{"name":"n","value":"v"},` + rest, "a",
			`{"ref":{ "type":"ref/prompt","name":"odd one","t":1.0},"argument":{"name":"n","value":"v"},` + rest},
		{"/mcp", "completion/complete", `{"argument":{"name":"n","value":"v"},"ref":{"type":"ref/resource","uri":"x://b/{id}"},` + rest, "b", ""},
		{"/mcp", "completion/complete", `{"argument":{"name":"n","value":"v"},"ref":{"type":"ref/resource","uri":"x://c/1"},` + rest, "a", ""},
		{"/mcp/server/b", "prompts/get", `{"name":"unlisted",` + rest, "b", ""},
		{"/mcp/server/b", "resources/read", `{"uri":"unlisted://x",` + rest, "b", ""},
		{"/mcp/server/b", "resources/read", `{"uri":"file:///shared",` + rest, "b", ""},
		{"/mcp/server/b", "completion/complete", `{"ref":{"type":"ref/new","x":1},"argument":{"name":"n","value":"v"},` + rest, "b", ""},
	} {
		for _, client := range []*raw{r.legacy(t, c.path), r.modern(t, c.path)} {
			want := c.want
			if want == "" {
				want = c.params
			}
			result := oddResult
			if isModern(client.revision) {
				want = strings.Replace(want, "{", "{"+modernMeta+",", 1)
				result = `{"resultType":"complete",` + oddResult[1:]
				if c.method == "resources/read" {
					result = `{"resultType":"complete","ttlMs":0,"cacheScope":"private",` + oddResult[1:]
				}
			}
			_, got := client.ask(c.method, c.params)
			if got != `{"jsonrpc":"2.0","id":7,"result":`+result+`}` {
				t.Errorf("%s %s %s = %s", c.path, c.method, c.params, got)
			}
			if got, want := up.last(), c.server+" "+c.method+" "+want; got != want {
				t.Errorf("%s: the server got %s, want %s", c.path, got, want)
			}
		}
	}
}

func TestWhatWasReadIsPrivate(t *testing.T) {
	for result, want := range map[string]string{
		`{}`:                                     `{"resultType":"complete","ttlMs":0,"cacheScope":"private"}`,
		`{"ttlMs":7,"contents":[]}`:              `{"resultType":"complete","cacheScope":"private","ttlMs":7,"contents":[]}`,
		`{"cacheScope":"public"}`:                `{"resultType":"complete","ttlMs":0,"cacheScope":"public"}`,
		`{"resultType":"complete","contents":1}`: `{"resultType":"complete","contents":1}`,
	} {
		if got := string(bytes.Join(asModern("resources/read", []byte(result)), nil)); got != want {
			t.Errorf("asModern(%s) = %s, want %s", result, got, want)
		}
	}
}

// routeOf routes a request as the endpoint of a server ("" for all) does now.
func (r *rig) routeOf(t *testing.T, server, method, params string, modern bool) (route, error) {
	t.Helper()
	m, err := readMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`))
	if err != nil {
		t.Fatal(err)
	}
	c := r.endpoint.catalog()
	return r.endpoint.scope(server).route(c, &m, modern)
}

func TestRequestsWithoutAServer(t *testing.T) {
	r := routed(t, answer(`{}`))
	connectOffer(r.view, "off", stateview.Offer{Capabilities: everything})
	setState(r.view, "off", stateview.Disabled)
	for _, c := range []struct{ server, method, params, want string }{
		{"", "prompts/get", `{"name":"b__none"}`, `There is no prompt "b__none".`},
		{"", "prompts/get", `{"name":"off__p"}`, `The server "off" is disabled.`},
		{"", "prompts/get", `{"name":7}`, `The "name" of the params is not a string.`},
		{"", "prompts/get", `{}`, `The params have no "name".`},
		{"", "completion/complete", `{}`, `The params have no "ref".`},
		{"", "completion/complete", `{"ref":{"type":"ref/prompt","name":"none"}}`, `There is no prompt "none".`},
		{"", "completion/complete", `{"ref":{"type":"ref/prompt","name":"b__p","name":"x"}}`, `The params have "name" twice.`},
		{"", "completion/complete", `{"ref":{"type":"ref/new"}}`, `The "ref" of the request is neither of a prompt nor of a resource.`},
		{"", "completion/complete", `{"ref":"x"}`, `The params have no "type".`},
		{"", "resources/read", `{"uri":"none://x"}`, `No server has this resource.`},
		{"", "tasks/get", `{"taskId":"1"}`, `There is no task "1", or it is too long ago.`},
		{"", "vendor/method", `{}`, `This endpoint does not offer "vendor/method".`},
		{"", "tools/list", `{}`, `This endpoint does not offer "tools/list".`},
		{"b", "tools/list", `{}`, `This endpoint does not offer "tools/list".`},
		{"b", "logging/setLevel", `{"level":"debug"}`, `This endpoint does not offer "logging/setLevel".`},
		{"b", "tools/call", `{"name":"none"}`, `There is no tool "none".`},
		{"off", "vendor/method", `{}`, `The server "off" is disabled.`},
	} {
		if to, err := r.routeOf(t, c.server, c.method, c.params, false); err == nil || err.Error() != c.want {
			t.Errorf("%q %s %s = %+v, %v, want %s", c.server, c.method, c.params, to, err, c.want)
		}
	}
	for _, c := range []struct {
		client *raw
		want   string
	}{
		{r.legacy(t, "/mcp"), `"error":{"code":-32002,"message":"No server has this resource.","data":{"uri":"none://x"}}`},
		{r.modern(t, "/mcp"), `"error":{"code":-32602,"message":"No server has this resource.","data":{"uri":"none://x"}}`},
	} {
		if _, body := c.client.ask("resources/read", `{"uri":"none://x"}`); !strings.Contains(body, c.want) {
			t.Errorf("%s: %s, want %s", c.client.revision, body, c.want)
		}
	}
}

func TestUnknownMethodsReachASingleServer(t *testing.T) {
	up := answer(oddResult)
	r := routed(t, up)
	for _, params := range []string{`{"name":"x", "n":1.0,"_meta":{"v":[ ]}}`, `{}`} {
		if _, got := r.legacy(t, "/mcp/server/b").ask("vendor/method", params); got != `{"jsonrpc":"2.0","id":7,"result":`+oddResult+`}` || up.last() != "b vendor/method "+params {
			t.Errorf("%s: %s, and the server got %s", params, got, up.last())
		}
	}
	if _, got := r.modern(t, "/mcp/server/b").ask("vendor/method", `{"n":1.0}`); got != `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete",`+oddResult[1:]+`}` ||
		up.last() != `b vendor/method {`+modernMeta+`,"n":1.0}` {
		t.Errorf("%s, and the server got %s", got, up.last())
	}
	c := r.legacy(t, "/mcp/server/b")
	if _, got := c.post(`{"jsonrpc":"2.0","id":7,"method":"vendor/bare"}`, nil); !strings.Contains(got, `"result"`) || up.last() != "b vendor/bare " {
		t.Errorf("without params: %s, and the server got %s", got, up.last())
	}
	m := r.modern(t, "/mcp/server/b")
	if resp, got := m.post(`{"jsonrpc":"2.0","id":7,"method":"vendor/method","params":{`+modernMeta+`}}`, map[string]string{"Mcp-Method": "vendor/other"}); resp.StatusCode != 400 || !strings.Contains(got, "mismatch") {
		t.Errorf("a header that contradicts: %s %s", resp.Status, got)
	}
	for _, c := range []*raw{r.legacy(t, "/mcp"), r.modern(t, "/mcp")} {
		if _, got := c.ask("vendor/method", `{}`); !strings.Contains(got, "-32601") || !strings.Contains(got, `"id":7`) {
			t.Errorf("of no server: %s", got)
		}
	}
	const params = `{"name":"x", "n":1.0}`
	to, err := r.routeOf(t, "b", "vendor/method", params, false)
	if err != nil || to.server != "b" || string(to.params) != params || to.admit() != nil {
		t.Errorf("route = %+v, %v", to, err)
	}
}

// TestRequestsDoNotReachAnotherServer has a server replaced while a request waits for it.
func TestRequestsDoNotReachAnotherServer(t *testing.T) {
	r := routed(t, answer(`{}`))
	to, err := r.routeOf(t, "", "resources/read", `{"uri":"file:///b"}`, false)
	if err != nil || to.admit() != nil {
		t.Fatal(err)
	}
	setState(r.view, "b", stateview.Backoff)
	if err := to.admit(); err != nil {
		t.Errorf("while it is away: %v", err)
	}
	setState(r.view, "b", stateview.Quarantined)
	if err := to.admit(); err == nil || !strings.Contains(err.Error(), "held back") {
		t.Errorf("while it is held: %v", err)
	}
	r.view.UpdateServer("b", func(st *stateview.ServerStatus) {
		st.State = stateview.Connected
		st.SetLaunch(stateview.Launch{ID: "other"})
	})
	if err := to.admit(); err == nil || !strings.Contains(err.Error(), "replaced by another one") {
		t.Errorf("after it was replaced: %v", err)
	}
	r.view.RemoveServer("b")
	if err := to.admit(); err == nil || err.Error() != `There is no server "b".` {
		t.Errorf("after it was removed: %v", err)
	}
}

func TestTasksFindTheirServer(t *testing.T) {
	results := map[string]string{"a": `{"task":{"status":"working","taskId":"t\u0031"}}`, "b": `{"resultType":"task","taskId":"t2"}`}
	up := &fakeUpstreams{}
	up.fn = func(_ context.Context, server string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(results[server]), nil, nil
	}
	r := routed(t, up)
	c := r.legacy(t, "/mcp")
	c.call("a__t", `{"name":"a__t","task":{}}`)
	c.call("b__t", `{"name":"b__t"}`)
	for id, server := range map[string]string{"t1": "a", "t2": "b"} {
		for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel", "tasks/update"} {
			params := `{"taskId":"` + id + `","x":1.0}`
			if to, err := r.routeOf(t, "", method, params, false); err != nil || to.server != server || string(to.params) != params {
				t.Errorf("%s of %s = %+v, %v", method, id, to, err)
			}
		}
	}
	for _, client := range []*raw{c, r.modern(t, "/mcp"), r.modern(t, "/mcp/server/a")} {
		client.ask("tasks/cancel", `{"taskId":"t1"}`)
		if got := up.last(); !strings.HasPrefix(got, "a tasks/cancel {") || !strings.HasSuffix(got, `"taskId":"t1"}`) {
			t.Errorf("%s (%s): the server got %s", client.path, client.revision, got)
		}
	}
	found := r.legacy(t, searchPath)
	found.call(callDestructive, `{"name":"call_tool_destructive","arguments":{"name":"a__t"}}`)
	found.ask("tasks/get", `{"taskId":"t1"}`)
	if got := up.last(); got != `a tasks/get {"taskId":"t1"}` {
		t.Errorf("at the search: the server got %s", got)
	}
	results["b"] = results["a"]
	c.call("b__t", `{"name":"b__t"}`)
	if _, err := r.routeOf(t, "", "tasks/get", `{"taskId":"t1"}`, false); err == nil || !strings.Contains(err.Error(), "Several servers") {
		t.Errorf("a task that two servers have: %v", err)
	}
}

func TestTasksAreForgotten(t *testing.T) {
	var owners taskOwners
	for i := range 2*maxTasks + 5 {
		owners.learn("s", json.RawMessage(fmt.Sprintf(`{"task":{"taskId":"%d"}}`, i)))
	}
	if len(owners.server) != maxTasks || len(owners.order) != maxTasks {
		t.Errorf("%d tasks are kept, in order %d", len(owners.server), len(owners.order))
	}
	for id, want := range map[string]bool{"0": false, fmt.Sprint(maxTasks + 4): false, fmt.Sprint(maxTasks + 5): true, fmt.Sprint(2*maxTasks + 4): true} {
		if _, ok := owners.server[id]; ok != want {
			t.Errorf("task %s is known: %v, want %v", id, ok, want)
		}
	}
	for _, result := range []string{`{"content":[]}`, `{"taskId":"x"}`, `{"resultType":"task"}`, `{"resultType":"task","taskId":7}`, `{"task":"x"}`} {
		if id := taskOf(json.RawMessage(result)); id != "" {
			t.Errorf("%s is task %q", result, id)
		}
	}
}

func TestTemplatesMatch(t *testing.T) {
	for _, c := range []struct {
		template, uri string
		literal       int
		ok            bool
	}{
		{"a://{x}", "a://1", 4, true},
		{"a://{x}", "a://", 4, true},
		{"a://{x}", "a://b/c", 4, true},
		{"a://{x}", "b://1", 0, false},
		{"a://{x}/y", "a://1/y", 6, true},
		{"a://{x}/y", "a://1/z", 0, false},
		{"a://{x}/{y}.txt", "a://1/2.txt", 9, true},
		{"a://{x}/{y}.txt", "a://1.txt", 0, false},
		{"a://{x}{?q,r}", "a://1?q=2", 4, true},
		{"a://b", "a://b", 5, true},
		{"a://b", "a://bc", 0, false},
		{"a://{x", "a://1", 0, false},
		{"{+all}", "any:thing", 0, true},
		{"", "", 0, true},
	} {
		literal, ok := matchTemplate(c.template, c.uri)
		if ok != c.ok || ok && literal != c.literal {
			t.Errorf("matchTemplate(%q, %q) = %d, %v, want %d, %v", c.template, c.uri, literal, ok, c.literal, c.ok)
		}
	}
}

// FuzzTemplates: a template matches what it stands for, whatever its own text is.
func FuzzTemplates(f *testing.F) {
	f.Add("a://", "x/y", "/b", "1", ".txt")
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, a, x, b, y, c string) {
		matchTemplate(a+x, b+y+c)
		if strings.ContainsAny(a+b+c, "{}") || b != "" && strings.Contains(x+b, b) && strings.Index(x+b, b) < len(x) || c != "" && b == "" {
			return
		}
		if n, ok := matchTemplate(a+"{x}"+b+"{y}"+c, a+x+b+y+c); !ok || n != len(a+b+c) {
			t.Errorf("%q{x}%q{y}%q does not match with %q and %q", a, b, c, x, y)
		}
	})
}

// FuzzRoutes: whatever a client sends, what goes to a server is JSON, and says what the
// client said but for the names.
func FuzzRoutes(f *testing.F) {
	v := stateview.New()
	connectOffer(v, "a", stateview.Offer{Capabilities: everything, Prompts: items("name", "p"), Resources: items("uri", "u://"), Templates: items("uriTemplate", "x://{+any}")}, plainTool("t"))
	e := New(Options{View: v, Upstreams: answer(`{}`)})
	c := e.catalog()
	e.finder.built.Store(newToolIndex(c)) // as nobody runs the endpoint
	scopes := []*scope{e.newScope(""), e.newScope("a"), e.newScope(searchPath)}
	methods := []string{"tools/call", "prompts/get", "resources/read", "completion/complete", "tasks/get", "vendor/x"}
	for _, params := range []string{
		`{"name":"a__t","arguments":{}}`, `{"name":"a__p"}`, `{"uri":"x://1"}`, `{"ref":{"type":"ref/prompt","name":"a__p"}}`, `{"ref":{"type":"ref/resource","uri":"u://"}}`,
		`{"name":"call_tool_write","arguments":{"name":"a__t","arguments":{"x":1}}}`, `{"name":"read_cache","arguments":{"key":"k","offset":-1}}`,
		`{"name":"retrieve_tools","arguments":{"query":"t","limit":-1}}`, `{"name":"describe_tool","arguments":{"name":"a__t"}}`, `{ "n\u0061me" : "a__t" , "x":[ 1e400 ] }`, `{}`, `[]`, `null`, `7`,
	} {
		f.Add(byte(0), byte(0), []byte(params))
		f.Add(byte(2), byte(0), []byte(params))
	}
	f.Fuzz(func(t *testing.T, at, method byte, params []byte) {
		m, err := readMessage(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}`, methods[int(method)%len(methods)], params))
		if err != nil || !utf8.Valid(params) || !json.Valid(params) {
			return // the front lets nothing else in
		}
		to, err := scopes[int(at)%len(scopes)].route(c, &m, false)
		switch {
		case err != nil:
			return
		case to.answer != nil && !json.Valid(to.answer):
			t.Errorf("%s is answered with %s", params, to.answer)
		case to.answer == nil && (to.server != "a" || !json.Valid(to.params)):
			t.Errorf("%s goes to %q as %s", params, to.server, to.params)
		}
	})
}
