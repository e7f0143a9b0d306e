package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// A notebook keeps the records it is given.
type notebook struct {
	mu  sync.Mutex
	all []call.Record // guarded by mu
}

func (n *notebook) Record(r call.Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r.Params, r.Answer = append(json.RawMessage(nil), r.Params...), append(json.RawMessage(nil), r.Answer...)
	n.all = append(n.all, r)
}

// take waits for the one record since the last take.
func (n *notebook) take(t *testing.T) call.Record {
	t.Helper()
	within(t, 5*time.Second, "a record", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.all) > 0
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all) != 1 {
		t.Errorf("%d records, want 1: %+v", len(n.all), n.all)
	}
	r := n.all[0]
	n.all = nil
	return r
}

// neverSent is a request that did not reach its server.
type neverSent struct{ error }

func (neverSent) Unsent() bool { return true }

// TestEachCallIsRecorded wants one record of each call, whatever becomes of it, wherever
// it comes in, and whoever makes it.
func TestEachCallIsRecorded(t *testing.T) {
	book := &notebook{}
	var result, rpcErr json.RawMessage
	var failure error
	up := &fakeUpstreams{fn: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		return result, rpcErr, failure
	}}
	r := start(t, up, Options{Recorder: book})
	held := plainTool("held")
	held.Held = true
	connect(r.view, "hub", plainTool("do"), held)
	connect(r.view, "off", plainTool("x"))
	setState(r.view, "off", stateview.Disabled)
	const hub = "hub__"
	clients := map[string]*raw{"sessions": r.legacy(t, "/mcp"), "none": r.modern(t, "/mcp")}
	for name, c := range map[string]struct {
		tool           string
		result, rpcErr string
		err            error
		want           call.Outcome
		server, called string
		why            string
	}{
		"fine":            {hub + "do", `{"content":[]}`, "", nil, call.OK, "hub", "do", ""},
		"tool failed":     {hub + "do", `{"content":[],"isError":true}`, "", nil, call.OK, "hub", "do", ""}, // whoever keeps it reads that
		"protocol error":  {hub + "do", "", `{"code":-32000,"message":"no"}`, nil, call.Failed, "hub", "do", ""},
		"no result":       {hub + "do", `[]`, "", nil, call.Failed, "hub", "do", ""},
		"timeout":         {hub + "do", "", "", fmt.Errorf("call: %w", context.DeadlineExceeded), call.TimedOut, "hub", "do", "did not answer the call"},
		"lost":            {hub + "do", "", "", errors.New("broken pipe"), call.Lost, "hub", "do", "The connection to it broke"},
		"paused":          {hub + "do", "", "", neverSent{errors.New("paused")}, call.Refused, "hub", "do", "was not asked"},
		"held":            {hub + "held", "", "", nil, call.Refused, "hub", "held", "held back until a person approves"},
		"disabled":        {"off__x", "", "", nil, call.Refused, "off", "x", "is disabled"},
		"unknown":         {"nobody__y", "", "", nil, call.Refused, "", "nobody__y", "There is no tool"},
		"unknown of ours": {hub + "z", "", "", nil, call.Refused, "hub", "z", "There is no tool"},
	} {
		for era, client := range clients {
			result, rpcErr, failure = json.RawMessage(c.result), nil, c.err
			if c.rpcErr != "" {
				result, rpcErr = nil, json.RawMessage(c.rpcErr)
			}
			params := `{"name":"` + c.tool + `","arguments":{"a":1}}`
			client.call(c.tool, params)
			got := book.take(t)
			if got.Outcome != c.want || got.Server != c.server || got.Tool != c.called || got.Client != "raw" || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.why == "") {
				t.Errorf("%s, %s: %+v", name, era, got)
			}
			if got.Sent < len(params) || got.Got != len(c.result)+len(c.rpcErr) || got.At.IsZero() || got.Took < 0 || !strings.Contains(string(got.Params), `"a":1`) || string(got.Answer) != c.result+c.rpcErr {
				t.Errorf("%s, %s: sizes or payloads of %+v", name, era, got)
			}
		}
	}
	result, rpcErr, failure = json.RawMessage(`{}`), nil, nil
	r.modern(t, "/mcp/server/hub").call("do", `{"name":"do"}`)
	if got := book.take(t); got.Server != "hub" || got.Tool != "do" || got.Outcome != call.OK {
		t.Errorf("at a server's own address: %+v", got)
	}
}

// TestCallsOfTheSearchAreRecorded wants the tools that are called, not those that call.
func TestCallsOfTheSearchAreRecorded(t *testing.T) {
	book := &notebook{}
	r := start(t, answer(`{"content":[]}`), Options{Recorder: book})
	held := annotated("held_issue", `{}`)
	held.Held = true
	connect(r.view, "hub", annotated("read_issue", `{"readOnlyHint":true}`), held)
	s := r.dial(t, searchPath, nil)
	use(t, s, "retrieve_tools", object{"query": "issue"})
	use(t, s, callRead, object{"name": "hub__read_issue"})
	if got := book.take(t); got.Server != "hub" || got.Tool != "read_issue" || got.Outcome != call.OK || got.Client != "test" {
		t.Errorf("a call: %+v", got)
	}
	use(t, s, callRead, object{"name": "hub__held_issue"})
	if got := book.take(t); got.Server != "hub" || got.Tool != "held_issue" || got.Outcome != call.Refused || !strings.Contains(got.Why, "held back") {
		t.Errorf("a call of what is held: %+v", got)
	}
}

// TestCancelledCallIsRecorded wants the record of a call whose client went away.
func TestCancelledCallIsRecorded(t *testing.T) {
	book, reached := &notebook{}, make(chan struct{})
	r := start(t, &fakeUpstreams{fn: func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		close(reached)
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}}, Options{Recorder: book})
	connect(r.view, "a", plainTool("slow"))
	c := r.legacy(t, "/mcp")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = r.client.Do(c.request(ctx, "POST", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a__slow"}}`, nil))
	}()
	<-reached
	cancel()
	<-gone
	if got := book.take(t); got.Outcome != call.Cancelled || got.Tool != "slow" {
		t.Errorf("%+v", got)
	}
}

// BenchmarkNote is what a call pays for being recorded, but for the recorder's part.
func BenchmarkNote(b *testing.B) {
	for _, size := range []int{200, 100_000} {
		b.Run(fmt.Sprint("result=", size), func(b *testing.B) {
			r := start(b, answer(`{}`), Options{Recorder: forgetful{}})
			connect(r.view, "hub", plainTool("do"))
			c, s := r.endpoint.catalog(), r.endpoint.scope("")
			m, err := readMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hub__do","arguments":{"a":1},` + modernMeta + `}}`))
			if err != nil {
				b.Fatal(err)
			}
			from := &caller{modern: true}
			result := json.RawMessage(`{"content":[{"type":"text","text":"` + strings.Repeat("x", size) + `"}],"isError":false}`)
			b.ReportAllocs()
			for b.Loop() {
				n := s.begin(c, from, &m)
				n.answered(m.params, result, nil)
				n.end()
			}
		})
	}
}

// A forgetful keeps nothing.
type forgetful struct{}

func (forgetful) Record(call.Record) {}
