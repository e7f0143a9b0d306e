package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/stateview"
)

// oddItem is a definition with what a typed relay loses; name and uri are its key.
const oddItem = `{ "x" : 12345678901234567890,"%s":"%s","icons":[ ],"future":{"b":1.0,"a":"\u00e9"} }`

func items(member string, keys ...string) stateview.ItemList {
	var list []stateview.Item
	for _, k := range keys {
		list = append(list, stateview.Item{Key: k, Definition: fmt.Sprintf(oddItem, member, k)})
	}
	return stateview.NewItemList(list)
}

// connectOffer connects a server that has more than tools.
func connectOffer(v *stateview.View, server string, o stateview.Offer, tools ...stateview.Tool) {
	v.UpdateServer(server, func(st *stateview.ServerStatus) {
		st.Enabled, st.State, st.Tools = true, stateview.Connected, stateview.NewToolList(tools)
		st.SetOffer(o)
	})
}

const everything = `{"tools":{},"prompts":{},"resources":{"subscribe":true},"completions":{},"logging":{},"tasks":{"list":{}}}`

// ask sends a request; a modern client adds what its revision asks for.
func (c *raw) ask(method, params string) (*http.Response, string) {
	c.t.Helper()
	h := map[string]string{}
	if isModern(c.revision) {
		h["Mcp-Method"] = method
		var p struct{ Name, URI string }
		_ = json.Unmarshal([]byte(params), &p)
		if name := p.Name + p.URI; name != "" {
			h["Mcp-Name"] = name
		}
		params = strings.Replace(strings.Replace(params, "{", "{"+modernMeta+",", 1), ",}", "}", 1)
	}
	return c.post(`{"jsonrpc":"2.0","id":7,"method":"`+method+`","params":`+params+`}`, h)
}

func TestEveryListIsTheServersBytes(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connectOffer(r.view, "zeta", stateview.Offer{
		Capabilities: everything, Info: `{"version":"9", "name":"Z","x":1.0}`,
		Prompts: items("name", "p"), Resources: items("uri", "file:///shared", "file:///z"), Templates: items("uriTemplate", "file:///{path}"),
	})
	connectOffer(r.view, "alpha", stateview.Offer{
		Capabilities: everything,
		Prompts:      items("name", "p", "b", "p"), Resources: items("uri", "ui://b", "file:///shared", "ui://b"), Templates: items("uriTemplate", "file:///{path}", "a://{+x}"),
	})
	join := func(member string, keys ...string) string {
		var all []string
		for _, k := range keys {
			all = append(all, fmt.Sprintf(oddItem, member, k))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	const ours = `{"name":"mcpproxy-tray","version":"1.2.3"}`
	for _, c := range []struct{ path, method, member, self, want string }{
		{"/mcp", "prompts/list", "prompts", ours, join("name", "alpha__p", "alpha__b", "zeta__p")},
		{"/mcp", "resources/list", "resources", ours, join("uri", "ui://b", "file:///shared", "file:///z")},
		{"/mcp", "resources/templates/list", "resourceTemplates", ours, join("uriTemplate", "file:///{path}", "a://{+x}")},
		{"/mcp/server/alpha", "prompts/list", "prompts", ours, join("name", "p", "b", "p")},
		{"/mcp/server/alpha", "resources/list", "resources", ours, join("uri", "ui://b", "file:///shared", "ui://b")},
		{"/mcp/server/alpha", "resources/templates/list", "resourceTemplates", ours, join("uriTemplate", "file:///{path}", "a://{+x}")},
		{"/mcp/server/zeta", "resources/list", "resources", `{"version":"9", "name":"Z","x":1.0}`, join("uri", "file:///shared", "file:///z")},
	} {
		if _, got := r.legacy(t, c.path).ask(c.method, `{}`); got != `{"jsonrpc":"2.0","id":7,"result":{"`+c.member+`":`+c.want+`}}` {
			t.Errorf("%s %s, with a session = %s, want %s", c.path, c.method, got, c.want)
		}
		_, got := r.modern(t, c.path).ask(c.method, `{}`)
		want := `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","` + c.member + `":` + c.want +
			`,"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":` + c.self + `}}}`
		if got != want {
			t.Errorf("%s %s, without = %s, want %s", c.path, c.method, got, want)
		}
	}
}

func TestListsNobodyHasAreRefused(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connectOffer(r.view, "s", stateview.Offer{Capabilities: `{"tools":{}}`}, plainTool("t"))
	for _, path := range []string{"/mcp", "/mcp/server/s"} {
		for _, method := range []string{"prompts/list", "resources/list", "resources/templates/list"} {
			for _, c := range []*raw{r.legacy(t, path), r.modern(t, path)} {
				if _, body := c.ask(method, `{}`); !strings.Contains(body, "-32601") {
					t.Errorf("%s %s (%s) = %s", path, method, c.revision, body)
				}
			}
		}
	}
	setState(r.view, "new", stateview.Connecting) // which may have them
	if _, body := r.legacy(t, "/mcp").ask("prompts/list", `{"cursor":null}`); body != `{"jsonrpc":"2.0","id":7,"result":{"prompts":[]}}` {
		t.Errorf("while a server is on its way: %s", body)
	}
}

// TestLibraryClientSeesEverything lets the official client read all lists, in the newest revision.
func TestLibraryClientSeesEverything(t *testing.T) {
	r := start(t, answer(`{"contents":[{"uri":"file:///z","text":"hello"}]}`), Options{})
	connectOffer(r.view, "s", stateview.Offer{
		Capabilities: everything, Info: `{"name":"own","version":"3"}`, Instructions: "Be kind.",
		Prompts: items("name", "p"), Resources: items("uri", "file:///z"), Templates: items("uriTemplate", "a://{x}"),
	}, plainTool("t"))
	for path, name := range map[string]string{"/mcp": "s__p", "/mcp/server/s": "p"} {
		s := r.dial(t, path, nil)
		if got, err := s.ListPrompts(t.Context(), nil); err != nil || len(got.Prompts) != 1 || got.Prompts[0].Name != name {
			t.Errorf("%s: prompts %v, %v", path, got, err)
		}
		if got, err := s.ListResources(t.Context(), nil); err != nil || len(got.Resources) != 1 || got.Resources[0].URI != "file:///z" {
			t.Errorf("%s: resources %v, %v", path, got, err)
		}
		if got, err := s.ListResourceTemplates(t.Context(), nil); err != nil || len(got.ResourceTemplates) != 1 {
			t.Errorf("%s: templates %v, %v", path, got, err)
		}
		if got, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "file:///z"}); err != nil || got.Contents[0].Text != "hello" {
			t.Errorf("%s: read %v, %v", path, got, err)
		}
	}
}

// heard collects the notifications of a session's event stream, or of a modern subscription.
type heard struct {
	mu      sync.Mutex
	methods []string // guarded by mu
}

func (h *heard) has(method string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.methods, method)
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.methods)
}

func (c *raw) hear(t testing.TB) *heard {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req := c.request(ctx, http.MethodGet, "", map[string]string{"Accept": "text/event-stream"})
	if isModern(c.revision) {
		req = c.request(ctx, http.MethodPost, `{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{`+modernMeta+
			`,"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}}}`, map[string]string{"Mcp-Method": "subscriptions/listen"})
	}
	resp, err := c.rig.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			var m struct{ Method string }
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &m) == nil {
				h.mu.Lock()
				h.methods = append(h.methods, m.Method)
				h.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	if isModern(c.revision) {
		within(t, 5*time.Second, "the subscription is acknowledged", func() bool { return h.has("notifications/subscriptions/acknowledged") })
	}
	return h
}

func TestOnlyTheChangedListIsAnnounced(t *testing.T) {
	const toolsChanged, promptsChanged, resourcesChanged = "notifications/tools/list_changed", "notifications/prompts/list_changed", "notifications/resources/list_changed"
	for name, c := range map[string]struct {
		change func(*stateview.Offer)
		want   string
	}{
		"prompt":    {func(o *stateview.Offer) { o.Prompts = items("name", "q") }, promptsChanged},
		"resource":  {func(o *stateview.Offer) { o.Resources = items("uri", "b://") }, resourcesChanged},
		"template":  {func(o *stateview.Offer) { o.Templates = items("uriTemplate", "b://{x}") }, resourcesChanged},
		"shadowed":  {func(o *stateview.Offer) { o.Instructions = "new" }, ""},
		"same list": {func(o *stateview.Offer) { o.Prompts = items("name", "p") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, answer(`{}`), Options{Settle: time.Millisecond})
			o := stateview.Offer{Capabilities: everything, Prompts: items("name", "p"), Resources: items("uri", "a://"), Templates: items("uriTemplate", "a://{x}")}
			connectOffer(r.view, "s", o, plainTool("t"))
			clients := []*heard{r.modern(t, "/mcp").hear(t), r.modern(t, "/mcp/server/s").hear(t), r.legacy(t, "/mcp").hear(t)}
			c.change(&o)
			connectOffer(r.view, "s", o, plainTool("t"))
			if c.want != "" {
				for i, h := range clients {
					within(t, 5*time.Second, fmt.Sprintf("client %d hears %s", i, c.want), func() bool { return h.has(c.want) })
				}
			}
			connectOffer(r.view, "s", o, plainTool("u")) // announced after what came before
			for i, h := range clients {
				within(t, 5*time.Second, "the change of tools", func() bool { return h.has(toolsChanged) })
				for _, m := range h.all() {
					if strings.HasSuffix(m, "list_changed") && m != c.want && m != toolsChanged {
						t.Errorf("client %d heard %s", i, m)
					}
				}
			}
		})
	}
}

func TestEveryListStaysWhileItsServerIsAway(t *testing.T) {
	v := stateview.New()
	o := stateview.Offer{Capabilities: everything, Prompts: items("name", "p"), Resources: items("uri", "a://"), Templates: items("uriTemplate", "a://{x}")}
	connectOffer(v, "s", o)
	first := newCatalog(v.Snapshot(), nil, grace)
	v.UpdateServer("s", func(st *stateview.ServerStatus) {
		st.State = stateview.Backoff
		st.SetOffer(stateview.Offer{})
	})
	lost := newCatalog(v.Snapshot(), first, grace)
	setState(v, "s", stateview.Disabled)
	off := newCatalog(v.Snapshot(), lost, grace)
	for k := prompts; k < numKinds; k++ {
		if lost.lists[k].version != first.lists[k].version || string(lost.lists[k].text()) != string(first.lists[k].text()) {
			t.Errorf("%s while it is away: %s", kinds[k].list, lost.lists[k].text())
		}
		if off.lists[k].version == first.lists[k].version || string(off.lists[k].text()) != "[]" {
			t.Errorf("%s when it is off: %s", kinds[k].list, off.lists[k].text())
		}
	}
	if _, ok := lost.ownerOf("a://1"); !ok {
		t.Error("a resource of a server that is away has no owner")
	}
	if _, ok := off.ownerOf("a://1"); ok {
		t.Error("a resource of a server that is off has an owner")
	}
}

// TestGraceEndsByItself: what a server offered leaves the lists though nothing else happens.
func TestGraceEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := stateview.New()
		connectOffer(v, "s", stateview.Offer{Prompts: items("name", "p")}, plainTool("t"))
		e := New(Options{View: v, Upstreams: answer(`{}`), Grace: 5 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = e.Run(ctx) })
		synctest.Wait()
		setState(v, "s", stateview.Backoff)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if c := e.newest.Load(); len(c.offers[0].shown[tools]) != 1 || len(c.offers[0].shown[prompts]) != 1 {
			t.Error("the grace ended early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if c := e.newest.Load(); len(c.offers[0].shown[tools]) != 0 || len(c.offers[0].shown[prompts]) != 0 || !c.ends.IsZero() {
			t.Error("the grace did not end")
		}
		cancel()
		wg.Wait()
	})
}
