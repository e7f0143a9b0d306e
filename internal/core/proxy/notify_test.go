package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/stateview"
)

// listen opens a session's event stream and counts its list_changed notifications.
func (c *raw) listen(t testing.TB) *atomic.Int32 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := c.rig.client.Do(c.request(ctx, http.MethodGet, "", map[string]string{"Accept": "text/event-stream"}))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET: %s", resp.Status)
	}
	return count(t, resp, cancel, "")
}

// subscribe opens the modern revision's stream for changed tool lists.
func (c *raw) subscribe(t testing.TB) *atomic.Int32 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	body := `{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{` + modernMeta + `,"notifications":{"toolsListChanged":true}}}`
	resp, err := c.rig.client.Do(c.request(ctx, http.MethodPost, body, map[string]string{"Mcp-Method": "subscriptions/listen"}))
	if err != nil {
		t.Fatal(err)
	}
	return count(t, resp, cancel, "sub")
}

func count(t testing.TB, resp *http.Response, cancel func(), subscription string) *atomic.Int32 {
	var n atomic.Int32
	var wg sync.WaitGroup
	acked := make(chan struct{}, 1)
	wg.Go(func() {
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			switch line := lines.Text(); {
			case strings.Contains(line, `"notifications/tools/list_changed"`) && strings.Contains(line, subscription):
				n.Add(1)
			case strings.Contains(line, "acknowledged"):
				acked <- struct{}{}
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	if subscription != "" {
		select {
		case <-acked:
		case <-time.After(5 * time.Second):
			t.Fatal("the subscription was not acknowledged")
		}
	}
	return &n
}

// ready makes changes until every client has heard of one (the library's opens its
// stream in its own time), and then waits for silence.
func (r *rig) ready(t testing.TB, counters ...*atomic.Int32) {
	t.Helper()
	i := 0
	within(t, 5*time.Second, "every client hears list_changed", func() bool {
		connect(r.view, "warmup", plainTool(fmt.Sprint("t", i)))
		i++
		return !slices.ContainsFunc(counters, func(n *atomic.Int32) bool { return n.Load() == 0 })
	})
	quiet := time.Now()
	within(t, 5*time.Second, "silence", func() bool {
		for _, n := range counters {
			if n.Swap(0) > 0 {
				quiet = time.Now()
			}
		}
		return time.Since(quiet) > 4*r.endpoint.settle
	})
}

func TestToggleReachesEveryEraInTime(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	var lib atomic.Int32
	r.dial(t, "/mcp", func() { lib.Add(1) })
	counters := []*atomic.Int32{r.legacy(t, "/mcp").listen(t), r.modern(t, "/mcp").subscribe(t), &lib}
	took := make([][]time.Duration, len(counters))
	for round := range 5 { // the machine has other things to do, too
		r.ready(t, counters...)
		state := stateview.Disabled
		if round%2 == 1 {
			state = stateview.Connected
		}
		began := time.Now()
		setState(r.view, "s", state)
		for i, n := range counters {
			within(t, 5*time.Second, "list_changed after a toggle", func() bool { return n.Load() > 0 })
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i, all := range took {
		slices.Sort(all)
		if median := all[len(all)/2]; median > 100*time.Millisecond {
			t.Errorf("client %d heard of it after %v (median of %v), want at most 100 ms", i, median, all)
		}
	}
}

func TestStreamOpenedLateHearsWhatItMissed(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	current, late, probe := r.legacy(t, "/mcp"), r.legacy(t, "/mcp"), r.modern(t, "/mcp").subscribe(t)
	late.list()
	connect(r.view, "s", plainTool("t"), plainTool("u"))
	within(t, 5*time.Second, "the change is announced", func() bool { return probe.Load() == 1 }) // sessions are told before subscriptions
	current.list()
	n := late.listen(t)
	within(t, 5*time.Second, "the missed change", func() bool { return n.Load() == 1 })

	// A client that has the newest list hears of the next change only.
	m := current.listen(t)
	connect(r.view, "s", plainTool("v"))
	within(t, 5*time.Second, "the next change", func() bool { return n.Load() == 2 && m.Load() > 0 })
	if m.Load() != 1 {
		t.Errorf("heard %d times, want once", m.Load())
	}
}

// TestStreamOpenedLateHearsOfEachList: of a prompt that came meanwhile, and of the
// tools only if the client has asked for them.
func TestStreamOpenedLateHearsOfEachList(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	o := stateview.Offer{Capabilities: everything, Prompts: items("name", "p"), Templates: items("uriTemplate", "a://{x}")}
	connectOffer(r.view, "s", o, plainTool("t"))
	late, probe := r.legacy(t, "/mcp"), r.modern(t, "/mcp").hear(t)
	late.ask("prompts/list", `{}`)
	late.ask("resources/templates/list", `{}`)
	o.Prompts, o.Templates = items("name", "q"), items("uriTemplate", "b://{x}")
	connectOffer(r.view, "s", o, plainTool("u"))
	within(t, 5*time.Second, "the change is announced", func() bool {
		return probe.has("notifications/prompts/list_changed") && probe.has("notifications/resources/list_changed") && probe.has("notifications/tools/list_changed")
	})
	h := late.hear(t)
	within(t, 5*time.Second, "the missed changes", func() bool { return len(h.all()) == 2 })
	if got := h.all(); got[0] != "notifications/prompts/list_changed" || got[1] != "notifications/resources/list_changed" {
		t.Errorf("heard %v", got)
	}
}

func TestOnlyTheChangedEndpointHears(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "a", plainTool("t"))
	connect(r.view, "b", plainTool("t"))
	a, b := r.modern(t, "/mcp/server/a").subscribe(t), r.modern(t, "/mcp/server/b").subscribe(t)
	connect(r.view, "a", plainTool("u"))
	within(t, 5*time.Second, "a's client hears", func() bool { return a.Load() == 1 })
	connect(r.view, "b", plainTool("u"))
	within(t, 5*time.Second, "b's client hears", func() bool { return b.Load() == 1 })
	if a.Load() != 1 {
		t.Errorf("a's client heard %d times, want once", a.Load())
	}
}

func TestNothingVisibleChangedIsNotAnnounced(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	held := tool("h", `{"name":"h"}`)
	held.Held = true
	connect(r.view, "s", plainTool("t"), held)
	n := r.modern(t, "/mcp").subscribe(t)

	r.view.UpdateServer("s", func(st *stateview.ServerStatus) { st.PID = 7 })
	setState(r.view, "empty", stateview.Connecting)
	connect(r.view, "empty")
	held.Definition = `{"name":"h","description":"new"}`
	connect(r.view, "s", plainTool("t"), held)
	setState(r.view, "other", stateview.Failed)
	r.view.RemoveServer("other")

	// Announcements are ordered: when this one arrives, an earlier one has.
	connect(r.view, "s", plainTool("t"), plainTool("u"))
	within(t, 5*time.Second, "the visible change", func() bool { return n.Load() > 0 })
	if n.Load() != 1 {
		t.Errorf("heard %d times, want once", n.Load())
	}
}

func TestVersionFollowsWhatAClientCouldSee(t *testing.T) {
	v := stateview.New()
	e := New(Options{View: v, Upstreams: answer(`{}`)})
	connect(v, "s", plainTool("t"))
	before := e.catalog()
	setState(v, "s", stateview.Disabled)
	off := e.catalog() // a client lists while the server is off
	setState(v, "s", stateview.Connected)
	after := e.catalog()
	if before.lists[tools].version == off.lists[tools].version || off.lists[tools].version == after.lists[tools].version || before.lists[tools].version == after.lists[tools].version {
		t.Errorf("versions = %d, %d, %d, want three", before.lists[tools].version, off.lists[tools].version, after.lists[tools].version)
	}
	if string(before.lists[tools].text()) != string(after.lists[tools].text()) || string(off.lists[tools].text()) != "[]" {
		t.Errorf("lists = %s, %s, %s", before.lists[tools].text(), off.lists[tools].text(), after.lists[tools].text())
	}
	v.UpdateServer("s", func(st *stateview.ServerStatus) { st.Attempt++ })
	if again := e.catalog(); again.lists[tools].version != after.lists[tools].version || &again.lists[tools].text()[0] != &after.lists[tools].text()[0] {
		t.Error("the list was made anew though nothing visible changed")
	}
}

func TestRemovedServerLosesItsEndpoint(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp/server/s")
	stream, err := r.client.Do(c.request(t.Context(), http.MethodGet, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	r.view.RemoveServer("s")
	if _, err := io.Copy(io.Discard, stream.Body); err != nil { // blocks until the stream ends
		t.Errorf("the stream of a removed server ends with %v", err)
	}
	if resp, body := c.list(); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "MPT-SERVER-UNKNOWN") {
		t.Errorf("after removal: %s %s", resp.Status, body)
	}
	connect(r.view, "s", plainTool("t"))
	if resp, body := c.list(); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "no such session") {
		t.Errorf("an old session at a new server: %s %s", resp.Status, body)
	}
}

func TestErasNegotiate(t *testing.T) {
	r := start(t, answer(`{"content":[]}`), Options{})
	connect(r.view, "s", plainTool("t"))
	for _, path := range []string{"/mcp", "/mcp/server/s"} {
		s := r.dial(t, path, nil)
		if got := s.InitializeResult(); got.ProtocolVersion != modern || got.ServerInfo.Name != serverName || got.ServerInfo.Version != "1.2.3" {
			t.Errorf("%s: newest client gets %+v", path, got)
		}
		//lint:ignore SA1019 a deprecated capability must not be declared
		if caps := s.InitializeResult().Capabilities; caps.Logging != nil || caps.Prompts != nil || caps.Resources != nil || caps.Tools == nil || !caps.Tools.ListChanged {
			t.Errorf("%s: capabilities %+v", path, caps)
		}
		tools, err := s.ListTools(t.Context(), nil)
		if err != nil || len(tools.Tools) != 1 {
			t.Fatalf("%s: tools = %v, %v", path, tools, err)
		}
		if res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tools.Tools[0].Name}); err != nil || res.IsError {
			t.Errorf("%s: call = %v, %v", path, res, err)
		}
	}
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		c := &raw{t: t, rig: r, path: "/mcp"}
		resp, body := c.post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+revision+`","capabilities":{},"clientInfo":{"name":"r","version":"0"}}}`, nil)
		if !strings.Contains(body, `"protocolVersion":"`+revision+`"`) || resp.Header.Get(sessionHeader) == "" {
			t.Errorf("%s: %s %s", revision, resp.Status, body)
		}
		want := `{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"tools":{"listChanged":true}},"protocolVersion":"` + revision + `","serverInfo":{"name":"mcpproxy-tray","version":"1.2.3"}}}`
		if body != want {
			t.Errorf("%s: initialize = %s, want %s", revision, body, want)
		}
	}
}

// BenchmarkToggle is the time from a toggle until a client's stream has list_changed, at
// its worst: right after another one, so that the pause between two is part of it.
func BenchmarkToggle(b *testing.B) {
	r := start(b, answer(`{}`), Options{})
	fill(r, 20, 100)
	n := r.modern(b, "/mcp").subscribe(b)
	state := stateview.Connected
	for b.Loop() {
		heard := n.Load()
		if state == stateview.Connected {
			state = stateview.Disabled
		} else {
			state = stateview.Connected
		}
		setState(r.view, "server0", state)
		within(b, 5*time.Second, "list_changed", func() bool { return n.Load() > heard })
	}
}
