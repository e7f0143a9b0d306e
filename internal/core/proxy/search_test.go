package proxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/search"
	"mcpproxy-tray/internal/stateview"
)

// annotated is a tool that says something of itself.
func annotated(name, annotations string) stateview.Tool {
	return tool(name, `{"name":"`+name+`","description":"Handles an issue. Called `+name+`.","inputSchema":{"type":"object","properties":{"body":{"type":"string"},"title":{"type":"string"}},"required":["title"]},"annotations":`+annotations+`}`)
}

// searched is an endpoint with tools of every temper.
func searched(t *testing.T, up *fakeUpstreams) *rig {
	r := start(t, up, Options{})
	held := annotated("held_issue", `{}`)
	held.Held = true
	connect(r.view, "hub", annotated("read_issue", `{"readOnlyHint":true}`), annotated("write_issue", `{"readOnlyHint":false,"destructiveHint":false}`),
		annotated("drop_issue", `{"destructiveHint":true}`), annotated("plain_issue", `{}`), held)
	connect(r.view, "mail", tool("send", `{"name":"send","description":"Sends a letter","inputSchema":{"type":"object"}}`))
	connect(r.view, "off", annotated("off_issue", `{}`))
	setState(r.view, "off", stateview.Disabled)
	return r
}

// use calls one of the search endpoint's tools and returns its texts.
func use(t testing.TB, s *mcp.ClientSession, name string, args any) (texts []string, failed bool) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, c := range res.Content {
		texts = append(texts, c.(*mcp.TextContent).Text)
	}
	return texts, res.IsError
}

type object map[string]any

// found are the tools that a query finds, by name.
func found(t testing.TB, s *mcp.ClientSession, args object) map[string]FoundTool {
	t.Helper()
	texts, failed := use(t, s, "retrieve_tools", args)
	var got struct{ Tools []FoundTool }
	if failed || len(texts) != 1 {
		t.Fatalf("%v = %v", args, texts)
	}
	_ = json.Unmarshal([]byte(texts[0]), &got) // words: nothing is found
	by := map[string]FoundTool{}
	for _, f := range got.Tools {
		by[f.Name] = f
	}
	return by
}

func TestSearchFindsDescribesAndCalls(t *testing.T) {
	up := answer(`{"content":[{"type":"text","text":"done"}]}`)
	r := searched(t, up)
	s := r.dial(t, searchPath, nil)
	list, err := s.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 6 {
		t.Fatalf("tools = %v, %v", list, err)
	}
	for _, tool := range list.Tools {
		if tool.Annotations == nil || tool.Description == "" || tool.InputSchema == nil {
			t.Errorf("%s is not described", tool.Name)
		}
	}
	got := found(t, s, object{"query": "issue"})
	for name, with := range map[string]string{"hub__read_issue": callRead, "hub__write_issue": callWrite, "hub__drop_issue": callDestructive, "hub__plain_issue": callDestructive} {
		f := got[name]
		if f.CallWith != with || f.Server != "hub" || f.Score <= 0 || f.Signature != name+"(title: string, body?: string)" || !strings.HasPrefix(f.Description, "Handles an issue.") {
			t.Errorf("%s is found as %+v", name, f)
		}
		args := object{"name": name, "arguments": object{"title": "x"}}
		if texts, failed := use(t, s, with, args); failed || texts[0] != "done" {
			t.Errorf("calling %s with %s = %v", name, with, texts)
		}
	}
	if _, ok := got["hub__held_issue"]; ok || len(got) != 4 {
		t.Errorf("found %v", got)
	}
	texts, failed := use(t, s, "describe_tool", object{"name": "hub__read_issue"})
	want := strings.Replace(annotated("read_issue", `{"readOnlyHint":true}`).Definition, `"read_issue"`, `"hub__read_issue"`, 1)
	if failed || texts[1] != want || !strings.Contains(texts[0], callRead) {
		t.Errorf("described as %v", texts)
	}
	connect(r.view, "long", tool("t", `{"name":"t","description":"`+strings.Repeat("x", 2*maxAnswer)+`"}`))
	if texts, failed := use(t, s, "describe_tool", object{"name": "long__t"}); failed || len(texts[0]) > maxAnswer || !strings.Contains(texts[1], "Go on with read_cache") {
		t.Errorf("a long definition: %d bytes, %.300s", len(texts[0]), texts[1])
	}
}

// TestSearchWithoutAClient: the program's own surfaces find what clients would.
func TestSearchWithoutAClient(t *testing.T) {
	r := searched(t, answer(`{}`))
	for _, c := range []struct {
		query search.Query
		want  int
	}{
		{search.Query{Text: "issue", Limit: 50}, 4},
		{search.Query{Text: "issue", Limit: 3}, 3},
		{search.Query{Text: "issue", Limit: 1000, Server: "mail"}, 0},
	} {
		got := r.endpoint.Search(c.query)
		if len(got) != c.want {
			t.Fatalf("%+v finds %+v", c.query, got)
		}
		for _, f := range got {
			if f.Server != "hub" || f.Name != "hub__"+f.Own || f.Signature == "" || f.Score <= 0 {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestSearchFilters(t *testing.T) {
	r := searched(t, answer(`{}`))
	s := r.dial(t, searchPath, nil)
	for _, c := range []struct {
		args object
		want int
	}{
		{object{"query": "issue", "limit": 2}, 2},
		{object{"query": "issue", "server": "mail"}, 0},
		{object{"query": "letter", "server": "mail"}, 1},
		{object{"query": "issue", "call_with": callWrite}, 1},
		{object{"query": "nothingofthekind"}, 0},
	} {
		if got := found(t, s, c.args); len(got) != c.want {
			t.Errorf("%v finds %v", c.args, got)
		}
	}
	if texts, _ := use(t, s, "retrieve_tools", object{"query": "zzzzqqqq"}); !strings.Contains(texts[0], "hub, mail") {
		t.Errorf("what finds nothing says %v", texts)
	}
}

// TestSearchFollowsTheServers: a tool that appears is found, one that is held or off is not.
func TestSearchFollowsTheServers(t *testing.T) {
	r := searched(t, answer(`{}`))
	s := r.dial(t, searchPath, nil)
	if got := found(t, s, object{"query": "letter"}); len(got) != 1 {
		t.Fatalf("found %v", got)
	}
	connect(r.view, "post", tool("new", `{"name":"new","description":"Writes a letter"}`))
	setState(r.view, "mail", stateview.Disabled)
	within(t, 5*time.Second, "the new tool is found", func() bool {
		got := found(t, s, object{"query": "letter"})
		if _, ok := got["mail__send"]; ok {
			t.Fatal("a tool of a server that is off is found")
		}
		return len(got) == 1
	})
}

func TestSearchRefusesInWords(t *testing.T) {
	up := answer(`{"content":[]}`)
	r := searched(t, up)
	s := r.dial(t, searchPath, nil)
	for _, c := range []struct {
		tool string
		args object
		want string
	}{
		{callRead, object{"name": "hub__write_issue"}, `The tool "hub__write_issue" says that it does not only read, so call_tool_read does not call it. Call it with call_tool_write.`},
		{callRead, object{"name": "hub__plain_issue"}, `does not say that it only reads`},
		{callRead, object{"name": "hub__drop_issue"}, `Call it with call_tool_destructive.`},
		{callWrite, object{"name": "hub__drop_issue"}, `says that it is destructive, so call_tool_write does not call it. Call it with call_tool_destructive.`},
		{callWrite, object{"name": "hub__held_issue"}, `is held back until a person approves it`},
		{callWrite, object{"name": "off__off_issue"}, `The server "off" is disabled.`},
		{callWrite, object{"name": "hub__none"}, `There is no tool "hub__none".`},
		{callWrite, object{}, `needs the "name" of a tool`},
		{callWrite, object{"name": "hub__write_issue", "title": "x"}, `has no argument "title". What is for the tool itself belongs into the object "arguments".`},
		{callWrite, object{"name": "hub__write_issue", "arguments": "{}"}, `"arguments" has to be a JSON object`},
		{"describe_tool", object{"name": "hub__held_issue"}, `is held back`},
		{"describe_tool", object{}, `needs the "name"`},
		{"retrieve_tools", object{}, `needs a "query"`},
		{"retrieve_tools", object{"query": 7}, `needs a "query"`},
		{"retrieve_tools", object{"query": "x", "call_with": "y"}, `"call_with" the name of`},
		{"read_cache", object{"key": "none"}, `There is no result with this key any more.`},
		{"read_cache", object{}, `needs the "key"`},
	} {
		if texts, failed := use(t, s, c.tool, c.args); !failed || len(texts) != 1 || !strings.Contains(texts[0], c.want) || strings.Contains(texts[0], "Handles") {
			t.Errorf("%s %v = %v, want %s", c.tool, c.args, texts, c.want)
		}
	}
	if got := up.last(); got != "" {
		t.Errorf("a server got %s", got)
	}
	if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "hub__write_issue"}); err == nil || !strings.Contains(err.Error(), "retrieve_tools") {
		t.Errorf("a server's tool by its own name: %v", err)
	}
}

// TestSearchHasAllButTools: what a result refers to can be read, and prompts cost a model nothing.
func TestSearchHasAllButTools(t *testing.T) {
	up := answer(`{"contents":[]}`)
	r := routed(t, up)
	c := r.legacy(t, searchPath)
	if _, body := c.ask("prompts/list", `{}`); !strings.Contains(body, `"name":"b__p"`) {
		t.Errorf("prompts: %s", body)
	}
	if _, body := c.ask("resources/read", `{"uri":"file:///b"}`); !strings.Contains(body, "contents") || up.last() != `b resources/read {"uri":"file:///b"}` {
		t.Errorf("read: %s, and the server got %s", body, up.last())
	}
	if got := r.greet(t, searchPath, true); !strings.Contains(got, `"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true}`) || !strings.Contains(got, `"tools":{}}`) {
		t.Errorf("discover: %s", got)
	}
	h := r.modern(t, searchPath).hear(t)
	connectOffer(r.view, "b", stateview.Offer{Prompts: items("name", "q")}, plainTool("u"))
	within(t, 5*time.Second, "the change of prompts", func() bool { return h.has("notifications/prompts/list_changed") })
	connectOffer(r.view, "b", stateview.Offer{Resources: items("uri", "r://")}, plainTool("v"))
	within(t, 5*time.Second, "the change of resources", func() bool { return h.has("notifications/resources/list_changed") })
	if h.has("notifications/tools/list_changed") {
		t.Error("its tools have changed")
	}
}

// TestIndexIsMadeForWhoSearches: not before, and before the first query.
func TestIndexIsMadeForWhoSearches(t *testing.T) {
	r := searched(t, answer(`{}`))
	r.legacy(t, "/mcp").list()
	if r.endpoint.finder.built.Load() != nil {
		t.Error("an index was made for a client that cannot search")
	}
	r.legacy(t, searchPath)
	within(t, 5*time.Second, "an index is made", func() bool { return r.endpoint.finder.built.Load() != nil })
}

func TestSearchWhileToolsComeAndGo(t *testing.T) {
	r := searched(t, answer(`{"content":[]}`))
	var clients []*mcp.ClientSession
	for range 4 {
		clients = append(clients, r.dial(t, searchPath, nil))
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 100 {
			connect(r.view, "busy", tool("t", fmt.Sprintf(`{"name":"t","description":"letter %d"}`, i)))
		}
	})
	for _, s := range clients {
		wg.Go(func() {
			for range 10 {
				if _, ok := found(t, s, object{"query": "letter"})["mail__send"]; !ok {
					t.Error("a tool that stayed is not found")
				}
			}
		})
	}
	wg.Wait()
	within(t, 5*time.Second, "the last of the tools is found", func() bool {
		return found(t, clients[0], object{"query": "letter 99", "server": "busy"})["busy__t"].Description == "letter 99"
	})
}

func TestSearchPassesTheCallAsItIs(t *testing.T) {
	up := answer(oddResult)
	r := searched(t, up)
	const params = `{ "vendor":[ 1.0 ],"arguments" : { "arguments":{"b":12345678901234567890,"a":"<\u00e9>"} ,"name":"hub__write_issue"},"name":"call_tool_write","inputResponses":{"x":1e400}}`
	const want = `{ "vendor":[ 1.0 ],"arguments" : {"b":12345678901234567890,"a":"<\u00e9>"},"name":"write_issue","inputResponses":{"x":1e400}}`
	if _, got := r.legacy(t, searchPath).call(callWrite, params); got != `{"jsonrpc":"2.0","id":7,"result":`+oddResult+`}` {
		t.Errorf("result = %s", got)
	}
	if got := up.last(); got != "hub tools/call "+want {
		t.Errorf("the server got %s, want %s", got, want)
	}
	r.modern(t, searchPath).call(callWrite, params)
	if got := up.last(); got != "hub tools/call "+strings.Replace(want, "{", "{"+modernMeta+",", 1) {
		t.Errorf("the server got %s", got)
	}
}

// TestLongResultsAreReadToTheEnd puts a long text together again from its pages.
func TestLongResultsAreReadToTheEnd(t *testing.T) {
	long := strings.Repeat("0123456789é", 20_000)
	result := `{"content":[{"type":"text","text":"` + long + `"},{"type":"future","x":1.0}],"isError":true,"vendor":[ 1.0 ]}`
	r := searched(t, answer(result))
	s := r.dial(t, searchPath, nil)
	texts, failed := use(t, s, callWrite, object{"name": "hub__write_issue"})
	if !failed || len(texts) != 2 || len(texts[0]) > maxAnswer || !strings.HasPrefix(long, texts[0]) {
		t.Fatalf("%d texts, the first of %d bytes, failed %v", len(texts), len(texts[0]), failed)
	}
	for _, raw := range []bool{false, true} {
		want := long + "\n" + `{"type":"future","x":1.0}`
		page, rest := texts[0], texts[1]
		if raw {
			want, page, rest = result, "", strings.Replace(rest, fmt.Sprintf(`"offset":%d`, len(page)), `"offset":0`, 1)
		}
		_, call, _ := strings.Cut(rest, "read_cache ")
		call, _, _ = strings.Cut(call, "}")
		for range 100 {
			var args object
			if err := json.Unmarshal([]byte(call+"}"), &args); err != nil {
				t.Fatalf("%s: %v", call, err)
			}
			if raw && page == "" {
				args["offset"], args["raw"] = 0, true
			}
			next, failed := use(t, s, "read_cache", args)
			if failed || len(next[0]) > maxAnswer {
				t.Fatalf("%v = %v", args, next)
			}
			page += next[0]
			if _, more, ok := strings.Cut(next[1], "read_cache "); ok {
				call, _, _ = strings.Cut(more, "}")
				continue
			}
			break
		}
		if page != want {
			t.Errorf("raw %v: %d bytes came back, want %d", raw, len(page), len(want))
		}
	}
}

func TestResultsThatAreNotShortened(t *testing.T) {
	var c resultCache
	long := strings.Repeat("x", 2*maxAnswer)
	for name, result := range map[string]string{
		"short":          `{"content":[{"type":"text","text":"x"}]}`,
		"picture":        `{"content":[{"type":"image","mimeType":"image/png","data":"` + long + `"}]}`,
		"input required": `{"resultType":"input_required","requestState":"` + long + `"}`,
		"task":           `{"task":{"taskId":"1"},"x":"` + long + `"}`,
	} {
		if got := string(c.shorten(json.RawMessage(result))); got != result {
			t.Errorf("%s became %.200s", name, got)
		}
	}
	for name, result := range map[string]string{
		"structured": `{"content":[],"structuredContent":{"x":"` + long + `"}}`,
		"resource":   `{"content":[{"type":"resource","resource":{"uri":"a://","text":"` + long + `"}}]}`,
		"blob":       `{"content":[{"type":"resource","resource":{"uri":"a://","blob":"` + long + `"}}]}`,
		"unknown":    `{"future":"` + long + `"}`,
	} {
		if got := c.shorten(json.RawMessage(result)); len(got) > maxAnswer+1000 || !json.Valid(got) {
			t.Errorf("%s became %d bytes: %.200s", name, len(got), got)
		}
	}
	c.close()
	if c.bytes != 0 || len(c.kept) != 0 {
		t.Errorf("%d bytes are left", c.bytes)
	}
}

func TestResultsExpireAndMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c resultCache
		key := c.keep(make([]byte, 100))
		time.Sleep(resultLife - time.Second)
		if c.find(key) == nil {
			t.Error("it expired early")
		}
		time.Sleep(resultLife - time.Second)
		if c.find(key) == nil {
			t.Error("it expired early though it was read")
		}
		time.Sleep(resultLife + time.Second)
		synctest.Wait()
		if c.find(key) != nil || c.bytes != 0 || len(c.order) != 0 {
			t.Error("it did not expire")
		}
		var keys []string
		for range 5 {
			keys = append(keys, c.keep(make([]byte, maxResults/4)))
		}
		if c.find(keys[0]) != nil || c.find(keys[1]) == nil || c.bytes > maxResults {
			t.Errorf("%d bytes are kept", c.bytes)
		}
		c.close()
	})
}

func TestPagesEndAtCharacters(t *testing.T) {
	for _, c := range []struct {
		offset, limit int
		page          string
	}{
		{0, 1, "a"}, {1, 1, "é"}, {2, 2, "é"}, {1, 3, "éb"}, {0, 2, "a"}, {4, 10, ""}, {3, 10, "b"},
	} {
		if page, end := cut("aéb", c.offset, c.limit); page != c.page || end < c.offset && page == "" {
			t.Errorf("cut(%d, %d) = %q, %d, want %q", c.offset, c.limit, page, end, c.page)
		}
	}
}

func TestSummaries(t *testing.T) {
	if got := summary(`{"description":"  two\n words ` + strings.Repeat("é", 500) + `"}`); !strings.HasPrefix(got, "two words é") || len(got) > maxSummary+10 {
		t.Errorf("summary = %s", got)
	}
}

// TestResultThatIsReadAsItExpires has a result's time run out while it is read again.
func TestResultThatIsReadAsItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r resultCache
		key := r.keep([]byte("{}"))
		time.Sleep(resultLife - 1)
		r.find(key)
		r.expire(key) // the timer had fired before
		if r.find(key) == nil {
			t.Error("it was forgotten")
		}
		time.Sleep(resultLife + 1)
		if r.find(key) != nil {
			t.Error("it is kept for ever")
		}
	})
}
