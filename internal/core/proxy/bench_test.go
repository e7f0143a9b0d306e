package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/stateview"
)

// fill adds servers whose tools have definitions of about 500 bytes.
func fill(r *rig, servers, tools int) {
	for s := range servers {
		list := make([]stateview.Tool, tools)
		for i := range list {
			name := fmt.Sprint("tool_", i)
			list[i] = tool(name, `{"name":"`+name+`","description":"`+strings.Repeat("what it does ", 25)+
				`","inputSchema":{"type":"object","properties":{"path":{"type":"string","description":"where it does it"}},"required":["path"]}}`)
		}
		connect(r.view, fmt.Sprint("server", s), list...)
	}
}

// typedServer is the same tool behind the library's typed API.
func typedServer(b *testing.B, text string) *rig {
	s := mcp.NewServer(&mcp.Implementation{Name: "typed", Version: "0"}, nil)
	s.AddTool(&mcp.Tool{Name: "s__t", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	})
	get := func(*http.Request) *mcp.Server { return s }
	stateful := mcp.NewStreamableHTTPHandler(get, nil)
	stateless := mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isModern(r.Header.Get(revisionHeader)) {
			stateless.ServeHTTP(w, r)
			return
		}
		stateful.ServeHTTP(w, r)
	}))
	r := &rig{url: srv.URL, client: srv.Client()}
	b.Cleanup(func() {
		r.client.CloseIdleConnections()
		for session := range s.Sessions() {
			_ = session.Close()
		}
		srv.Close()
	})
	return r
}

func BenchmarkCall(b *testing.B) {
	for _, size := range []int{200, 10_000, 1_000_000} {
		text := strings.Repeat("x", size)
		ours := func(b *testing.B) *rig {
			r := start(b, answer(`{"content":[{"type":"text","text":"`+text+`"}]}`), Options{})
			connect(r.view, "s", plainTool("t"))
			return r
		}
		typed := func(b *testing.B) *rig { return typedServer(b, text) }
		for _, c := range []struct {
			name string
			rig  func(*testing.B) *rig
		}{{"relay", ours}, {"typed", typed}} {
			b.Run(fmt.Sprintf("bytes=%d/%s/legacy", size, c.name), func(b *testing.B) {
				benchmarkCall(b, c.rig(b).legacy(b, "/mcp"))
			})
			b.Run(fmt.Sprintf("bytes=%d/%s/modern", size, c.name), func(b *testing.B) {
				benchmarkCall(b, c.rig(b).modern(b, "/mcp"))
			})
		}
	}
}

func benchmarkCall(b *testing.B, c *raw) {
	params, h := `{"name":"s__t","arguments":{}}`, map[string]string(nil)
	if isModern(c.revision) {
		params, h = `{`+modernMeta+`,"name":"s__t","arguments":{}}`, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"}
	}
	body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":` + params + `}`
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.rig.client.Do(c.request(b.Context(), http.MethodPost, body, h))
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 200 {
			b.Fatal(n, err)
		}
		_ = resp.Body.Close()
	}
}

func BenchmarkList(b *testing.B) {
	r := start(b, answer(`{}`), Options{})
	fill(r, 20, 100)
	for _, c := range []*raw{r.legacy(b, "/mcp"), r.modern(b, "/mcp")} {
		b.Run("tools=2000/revision="+c.revision, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n := c.listSize(); n < 900_000 {
					b.Fatal(n)
				}
			}
		})
	}
	b.Run("tools=2000/after-a-change", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			connect(r.view, "server0", plainTool(fmt.Sprint("t", i)))
			r.endpoint.catalog().lists[tools].text()
		}
	})
}

// TestIdleSessionIsSmall holds what a session costs that a client keeps open with its event stream.
func TestIdleSessionIsSmall(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	const n = 100
	for range 5 {
		r.legacy(t, "/mcp")
	}
	used := func() (bytes uint64, goroutines int) {
		r.client.CloseIdleConnections()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
	}
	before, g := used()
	for range n {
		r.legacy(t, "/mcp")
	}
	within(t, 5*time.Second, "goroutines settle", func() bool { return runtime.NumGoroutine() <= g+3*n })
	after, g2 := used()
	each := int64(after-before) / n
	t.Logf("a session: %d B, %.1f goroutines", each, float64(g2-g)/n)
	if each > 64<<10 {
		t.Errorf("a session costs %d B, want at most 64 KiB", each)
	}
}

// listSize asks for the list of tools and reads it to the end.
func (c *raw) listSize() int64 {
	c.t.Helper()
	body, h := `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`, map[string]string(nil)
	if isModern(c.revision) {
		body, h = `{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{`+modernMeta+`}}`, map[string]string{"Mcp-Method": "tools/list"}
	}
	resp, err := c.rig.client.Do(c.request(c.t.Context(), http.MethodPost, body, h))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestListOf2000ToolsIsQuick holds the order of magnitude on a machine that does other
// things too; BenchmarkList has the number, which is to be at most 5 ms.
func TestListOf2000ToolsIsQuick(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	fill(r, 20, 100)
	for _, c := range []*raw{r.legacy(t, "/mcp"), r.modern(t, "/mcp")} {
		best := time.Hour
		for range 10 {
			began := time.Now()
			if n := c.listSize(); n < 900_000 {
				t.Fatal(n)
			}
			best = min(best, time.Since(began))
		}
		t.Logf("revision %s: %v", c.revision, best)
		if best > 50*time.Millisecond {
			t.Errorf("revision %s: 2,000 tools take %v", c.revision, best)
		}
	}
}
