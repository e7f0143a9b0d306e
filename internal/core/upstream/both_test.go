package upstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A both is a server written by hand that says things by itself: it asks, tells
// and changes its lists. It speaks 2025-11-25, or 2026-07-28 if it is modern.
type both struct {
	has   func(string) bool
	grown atomic.Int32 // how often its lists changed

	mu      sync.Mutex
	waiting map[string]func(line string) // by the id of its own requests, as it stands
	seen    []string                     // all that it heard
}

// A voice says one message.
type voice func(format string, args ...any)

// bothGreeting is what it says of itself, oddly written.
const (
	bothInfo         = `{"version" : "1","name":"both","x-n":12345678901234567890}`
	bothCapabilities = `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"logging":{},"x-new":{"deep":[1.0]}}`
	bothPrompt       = `{"x-a":1e2,"name":"greet","arguments":[{"name":"who"}]}`
	bothResource     = `{"uri":"file:///a","name":"a","size":12345678901234567890}`
	bothTemplate     = `{"uriTemplate":"file:///{path}","name":"any"}`
)

func newBoth(mode string) *both {
	return &both{
		has:     func(what string) bool { return strings.Contains(mode+"+", "+"+what+"+") },
		waiting: map[string]func(string){},
	}
}

// serveBoth is the main function of such a server over stdio.
func serveBoth(mode string) {
	b := newBoth(mode)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		b.heard([]byte(line), say, func() {})
	}
}

// heard acts on one message. done is called once it is answered, which may be later.
func (b *both) heard(line []byte, say voice, done func()) {
	var m struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	if err := json.Unmarshal(line, &m); err != nil {
		fmt.Fprintln(os.Stderr, "bad input:", string(line))
		os.Exit(9)
	}
	b.mu.Lock()
	b.seen = append(b.seen, strings.TrimSpace(string(line)))
	answered := b.waiting[string(m.ID)]
	if m.Method == "" {
		delete(b.waiting, string(m.ID))
	}
	b.mu.Unlock()
	switch {
	case m.Method == "" && answered != nil:
		answered(strings.TrimSpace(string(line)))
		done()
		return
	case m.ID == nil, m.Method == "":
		done()
		return
	case m.Method == "tools/call":
		b.called(string(m.ID), m.Params, say, done)
		return
	}
	defer done()
	result := b.result(m.Method, string(m.Params), say)
	if result == "" {
		say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, m.ID)
		return
	}
	say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

// called does what a call says: {"say":[lines], "await":id, "hang":bool}. The result is
// what was answered to the id, or the params as they came.
func (b *both) called(id string, params json.RawMessage, say voice, done func()) {
	var p struct {
		Say   []json.RawMessage
		Await json.RawMessage
		Hang  bool
	}
	_ = json.Unmarshal(params, &p) // else it says nothing
	if p.Await != nil {
		b.mu.Lock()
		b.waiting[string(p.Await)] = func(line string) {
			say(`{"jsonrpc":"2.0","id":%s,"result":{"answer":%s}}`, id, line)
			done()
		}
		b.mu.Unlock()
	}
	token := tokenIn(params)
	for _, line := range p.Say {
		say("%s", strings.ReplaceAll(string(line), `"TOKEN"`, token))
	}
	if p.Await == nil && !p.Hang {
		say(`{"jsonrpc":"2.0","id":%s,"result":{"params":%s}}`, id, params)
		done()
	}
}

// tokenIn returns the progress token of params.
func tokenIn(params json.RawMessage) string {
	return string(member(member(params, "_meta"), "progressToken"))
}

// ServeHTTP serves it over HTTP, without streams but those of answers.
func (b *both) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	line, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if string(member(line, "id")) == "" || member(line, "method") == nil {
		b.heard(line, nil, func() {})
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	done := make(chan struct{})
	var mu sync.Mutex // guards over, and w
	over := false
	defer func() { mu.Lock(); over = true; mu.Unlock() }()
	b.heard(line, func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		fmt.Fprintf(w, "data: "+format+"\n\n", args...)
		_ = http.NewResponseController(w).Flush() // the client is gone: it sees
	}, sync.OnceFunc(func() { close(done) }))
	select {
	case <-done:
	case <-r.Context().Done():
		b.mu.Lock()
		b.seen = append(b.seen, "gone: "+string(member(line, "id")))
		b.mu.Unlock()
	}
}

func (b *both) result(method, params string, say voice) string {
	switch {
	case method == methodDiscover && b.has("modern"):
		return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":` + bothCapabilities +
			`,"instructions":"Be\u0020kind.","_meta":{"io.modelcontextprotocol/serverInfo":` + bothInfo + `}}`
	case method == "initialize":
		return `{"protocolVersion":"2025-11-25","capabilities":` + bothCapabilities + `,"serverInfo":` + bothInfo + `,"instructions":"Be\u0020kind."}`
	case method == "tools/list" && b.has("headed"):
		return `{"tools":[{"name":"a","inputSchema":{"properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}]}`
	case method == "tools/list":
		return `{"tools":[{"name":"a"}]}`
	case b.has("toolsonly"): // whatever it declared
		return ""
	case method == "prompts/list" && strings.Contains(params, "cursor"):
		return `{"prompts":[{"name":"last"},{"name":"greet"},{"title":"nameless"}]}`
	case method == "prompts/list":
		return `{"prompts":[` + bothPrompt + `],"nextCursor":"2"}`
	case method == "resources/list":
		list := bothResource
		for i := range b.grown.Load() {
			list += fmt.Sprintf(`,{"uri":"file:///grown%d"}`, i)
		}
		return `{"resources":[` + list + `]}`
	case method == "resources/templates/list":
		return `{"resourceTemplates":[` + bothTemplate + `]}`
	case method == "seen":
		b.mu.Lock()
		defer b.mu.Unlock()
		seen, _ := json.Marshal(b.seen) // strings always can
		return `{"seen":` + string(seen) + `}`
	case method == "resources/subscribe", method == "resources/unsubscribe", method == "logging/setLevel":
		return `{}`
	case method == methodPing:
		return `{}`
	case method == "grow":
		b.grown.Add(1)
		say(`{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}`)
		return `{}`
	}
	return ""
}

// patient returns a connector that never takes a server for an older one because the
// machine is slow.
func patient() *Connector {
	c := testConnector()
	c.Timeouts.Probe = 20 * time.Second
	return c
}
