package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// TestToolThatChangesMeanwhile has a tool say something else of itself while a call of it waits.
func TestToolThatChangesMeanwhile(t *testing.T) {
	up := answer(`{"content":[]}`)
	r := searched(t, up)
	up.meanwhile = func() {
		connect(r.view, "hub", annotated("read_issue", `{"readOnlyHint":false,"destructiveHint":true}`))
	}
	_, body := r.legacy(t, "/mcp/search").call("", `{"name":"call_tool_read","arguments":{"name":"hub__read_issue"}}`)
	if !strings.Contains(body, "says that it does not only read") {
		t.Errorf("call_tool_read: %s", body)
	}
}

// TestNoSideRunsAfterTheEnd begins a server's side of a request as its endpoint ends.
func TestNoSideRunsAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l helds
		goOn := make(chan struct{})
		if !l.run(func() { <-goOn }) {
			t.Fatal("nothing runs before the end")
		}
		closed := false
		go func() { l.close(); closed = true }()
		synctest.Wait()
		if closed {
			t.Error("close did not wait")
		}
		if l.run(func() { t.Error("a side runs after the end") }) {
			t.Error("a side began after the end")
		}
		close(goOn)
		synctest.Wait()
		if !closed {
			t.Error("close does not return")
		}
	})
}

// TestUnsubscribeFromAnyServer unsubscribes from what meanwhile another server has.
func TestUnsubscribeFromAnyServer(t *testing.T) {
	f := &follower{told: map[string]call.Wish{}}
	r := start(t, answer(`{}`), Options{Follow: f.follow})
	offer := stateview.Offer{Capabilities: `{"resources":{"subscribe":true}}`,
		Resources: stateview.NewItemList([]stateview.Item{{Key: "u:1", Definition: `{"uri":"u:1"}`}})}
	connectOffer(r.view, "b", offer)
	c := r.legacy(t, "/mcp")
	c.post(`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"u:1"}}`, nil)
	m := r.modern(t, "/mcp").open(http.MethodPost, `{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{`+modernMeta+
		`,"notifications":{"resourceSubscriptions":["u:1"]}}}`, map[string]string{methodHeader: "subscriptions/listen"})
	m.next()
	f.becomes(t, "b", call.Wish{Resources: []string{"u:1"}})
	connectOffer(r.view, "a", offer) // first by name
	setState(r.view, "b", stateview.Disabled)
	c.post(`{"jsonrpc":"2.0","id":1,"method":"resources/unsubscribe","params":{"uri":"u:1"}}`, nil)
	_ = m.resp.Body.Close()
	connectOffer(r.view, "b", offer)
	f.becomes(t, "b", call.Wish{})
}

func TestDeleteThatIsRefusedEndsTheSession(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	resp, err := r.client.Do(c.request(t.Context(), http.MethodDelete, "", map[string]string{revisionHeader: "1999-01-01"}))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for range r.endpoint.scope("").mcp.Sessions() {
		t.Errorf("after %s there is a session", resp.Status)
	}
}

// TestLogLevelOfARequest has a server of an older revision say more than a request of
// the newest one asked for.
func TestLogLevelOfARequest(t *testing.T) {
	r := start(t, upstreamFunc(func(_ context.Context, q call.Request) (json.RawMessage, json.RawMessage, error) {
		for _, level := range []string{"debug", "error", "emergency"} {
			q.From.Notify("notifications/message", []byte(`{"level":"`+level+`","data":1}`))
		}
		return json.RawMessage(`{}`), nil, nil
	}), Options{})
	connectOffer(r.view, "s", stateview.Offer{Capabilities: `{"logging":{}}`}, plainTool("t"))
	c := r.modern(t, "/mcp")
	for level, want := range map[string]int{"": 0, "debug": 3, "error": 2, "emergency": 1} {
		meta := modernMeta
		if level != "" {
			meta = strings.Replace(meta, `"_meta":{`, `"_meta":{"io.modelcontextprotocol/logLevel":"`+level+`",`, 1)
		}
		e := c.open(http.MethodPost, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{`+meta+`,"name":"s__t"}}`, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"})
		got := 0
		for m := e.next(); strings.Contains(m, "notifications/message"); m = e.next() {
			got++
		}
		if got != want {
			t.Errorf("for the level %q %d messages, want %d", level, got, want)
		}
		_ = e.resp.Body.Close()
	}
	loud := strings.Replace(modernMeta, `"_meta":{`, `"_meta":{"io.modelcontextprotocol/logLevel":"loud",`, 1)
	if resp, body := c.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{`+loud+`,"name":"s__t"}}`, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"}); resp.StatusCode != 400 || !strings.Contains(body, "-32602") {
		t.Errorf("a level that there is not: %s %s", resp.Status, body)
	}
}

// TestOlderClientIsAskedWhatItDeclared has a server of 2026-07-28 ask, by its result, a
// client that knows forms only to open a page.
func TestOlderClientIsAskedWhatItDeclared(t *testing.T) {
	r := start(t, upstreamFunc(func(context.Context, call.Request) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(`{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"url","url":"https://x/"}}}}`), nil, nil
	}), Options{})
	connect(r.view, "s", plainTool("t"))
	if _, got := r.greeted(t, "/mcp").post(callT, nil); !strings.Contains(got, "asks for something that this client cannot do") {
		t.Errorf("a client that declared elicitation {} got %s", got)
	}
}

func TestInABatchNobodyIsAsked(t *testing.T) {
	r := start(t, upstreamFunc(func(context.Context, call.Request) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(`{"resultType":"input_required","requestState":"x","inputRequests":{}}`), nil, nil
	}), Options{})
	connect(r.view, "s", plainTool("t"))
	_, body := r.legacy(t, "/mcp").post(`[`+callT+`]`, map[string]string{revisionHeader: "2025-03-26"})
	if strings.Contains(body, "input_required") || !strings.Contains(body, "in a batch the client cannot be asked") {
		t.Errorf("a client of 2025-03-26 got %s", body)
	}
}

func TestHeadersThatOccurTwice(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.modern(t, "/mcp")
	for name, value := range map[string]string{"Mcp-Name": "other", "Mcp-Method": "tools/list"} {
		req := c.request(t.Context(), "POST", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{`+modernMeta+`,"name":"s__t"}}`, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"})
		req.Header.Add(name, value)
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("two headers %s: %s", name, resp.Status)
		}
	}
}
