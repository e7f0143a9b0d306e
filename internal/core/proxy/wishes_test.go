package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// A follower keeps what a server was last told to follow.
type follower struct {
	mu   sync.Mutex
	told map[string]call.Wish // guarded by mu
}

func (f *follower) follow(server string, w call.Wish) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told[server] = w
}

func (f *follower) becomes(t *testing.T, server string, want call.Wish) {
	t.Helper()
	var got call.Wish
	deadline := time.Now().Add(5 * time.Second)
	for {
		f.mu.Lock()
		got = f.told[server]
		f.mu.Unlock()
		if got.Equal(want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("server %q is to tell %+v, want %+v", server, got, want)
		}
		time.Sleep(time.Millisecond)
	}
}

// open opens the event stream of a session, or a subscription of the newest revision.
func (c *raw) open(method, body string, h map[string]string) *events {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := c.rig.client.Do(c.request(ctx, method, body, h))
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatal(resp, err)
	}
	c.t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	return &events{t: c.t, resp: resp, in: bufio.NewReader(resp.Body)}
}

func TestUpdatesReachWhoFollows(t *testing.T) {
	f := &follower{told: map[string]call.Wish{}}
	r := start(t, answer(`{}`), Options{Follow: f.follow})
	offer := stateview.Offer{Capabilities: `{"resources":{"subscribe":true},"logging":{}}`,
		Resources: stateview.NewItemList([]stateview.Item{{Key: "u:1", Definition: `{"uri":"u:1"}`}, {Key: "u:2", Definition: `{"uri":"u:2"}`}})}
	connectOffer(r.view, "s", offer)
	connectOffer(r.view, "mute", stateview.Offer{Capabilities: `{"resources":{}}`, Resources: stateview.NewItemList([]stateview.Item{{Key: "m:1", Definition: `{"uri":"m:1"}`}})})
	one, two := r.legacy(t, "/mcp"), r.legacy(t, "/mcp/server/s")
	follow := func(c *raw, method, uri string) string {
		_, body := c.post(`{"jsonrpc":"2.0","id":1,"method":"resources/`+method+`","params":{"uri":"`+uri+`"}}`, nil)
		return body
	}
	for uri, c := range map[string]*raw{"u:1": one, "u:2": two} {
		if got := follow(c, "subscribe", uri); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
			t.Fatalf("subscribe: %s", got)
		}
	}
	for _, uri := range []string{"m:1", "u:9"} {
		var refused struct{ Error struct{ Code int } }
		if got := follow(one, "subscribe", uri); json.Unmarshal([]byte(got), &refused) != nil || refused.Error.Code != -32602 {
			t.Errorf("subscribing to %s: %s", uri, got)
		}
	}
	f.becomes(t, "s", call.Wish{Resources: []string{"u:1", "u:2"}})
	a, b := one.open(http.MethodGet, "", nil), two.open(http.MethodGet, "", nil)
	modern := r.modern(t, "/mcp").open(http.MethodPost, `{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{`+modernMeta+`,"notifications":{"resourceSubscriptions":["u:1"]}}}`, map[string]string{methodHeader: "subscriptions/listen"})
	modern.next() // that it is acknowledged
	for _, uri := range []string{"u:0", "u:1", "u:2"} {
		r.endpoint.Notify("mute", "notifications/resources/updated", []byte(`{"uri":"`+uri+`"}`))
		r.endpoint.Notify("s", "notifications/resources/updated", []byte(`{"uri":"`+uri+`"}`))
	}
	for want, e := range map[string]*events{
		`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"u:1"}}`:                                                        a,
		`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"u:2"}}`:                                                        b,
		`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"},"uri":"u:1"}}`: modern,
	} {
		if got := e.next(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	// The last who leaves ends it, however it leaves.
	follow(one, "unsubscribe", "u:1")
	f.becomes(t, "s", call.Wish{Resources: []string{"u:1", "u:2"}})
	_ = modern.resp.Body.Close()
	f.becomes(t, "s", call.Wish{Resources: []string{"u:2"}})
	resp, err := r.client.Do(two.request(t.Context(), http.MethodDelete, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	f.becomes(t, "s", call.Wish{})
}

func TestLogMessagesKeepToTheLevel(t *testing.T) {
	f := &follower{told: map[string]call.Wish{}}
	up := upstreamFunc(func(_ context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		for _, level := range []string{"debug", "warning", "error"} {
			r.From.Notify("notifications/message", fmt.Appendf(nil, `{"level":%q,"data":1.0}`, level))
		}
		return json.RawMessage(`{}`), nil, nil
	})
	r := start(t, up, Options{Follow: f.follow})
	connectOffer(r.view, "s", stateview.Offer{Capabilities: `{"logging":{}}`}, plainTool("t"))
	quiet, chatty := r.legacy(t, "/mcp"), r.legacy(t, "/mcp")
	level := func(c *raw, level string) string {
		_, body := c.post(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"`+level+`"}}`, nil)
		return body
	}
	for c, l := range map[*raw]string{quiet: "error", chatty: "warning"} {
		if got := level(c, l); got != `{"jsonrpc":"2.0","id":1,"result":{}}` {
			t.Fatalf("setLevel: %s", got)
		}
	}
	if got := level(quiet, "loud"); got != `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"There is no log level \"loud\"."}}` {
		t.Errorf("setLevel of no level: %s", got)
	}
	f.becomes(t, "s", call.Wish{LogLevel: "warning"})
	// In the course of a call.
	e := quiet.stream(callT, nil)
	if got := e.next(); got != `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":1.0}}` {
		t.Errorf("got %s", got)
	}
	if got := e.next(); got != `{"jsonrpc":"2.0","id":7,"result":{}}` {
		t.Errorf("after it %s", got)
	}
	// A client of the newest revision says it in each request.
	if _, got := r.modern(t, "/mcp").call("s__t", `{"name":"s__t"}`); got != `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete"}}` {
		t.Errorf("one that wants none got %s", got)
	}
	// Beside any call.
	a, b := quiet.open(http.MethodGet, "", nil), chatty.open(http.MethodGet, "", nil)
	for _, l := range []string{"debug", "warning", "alert"} {
		r.endpoint.Notify("s", "notifications/message", []byte(`{"level":"`+l+`","logger":"x","data":{"n":12345678901234567890}}`))
	}
	said := func(l string) string {
		return `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":{"n":12345678901234567890},"level":"` + l + `","logger":"x"}}`
	}
	if got := a.next(); got != said("alert") {
		t.Errorf("the quiet one got %s", got)
	}
	if got := b.next() + b.next(); got != said("warning")+said("alert") {
		t.Errorf("the chatty one got %s", got)
	}
}

func TestSessionFollowsSoMuch(t *testing.T) {
	var w wishes
	one, other := &mcp.ServerSession{}, &mcp.ServerSession{}
	for i := range maxFollowed {
		if err := w.follow(one, resourceID{"s", fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if w.follow(one, resourceID{"s", "more"}) == nil {
		t.Error("a session follows more")
	}
	if w.follow(one, resourceID{"s", "7"}) != nil || w.follow(other, resourceID{"s", "more"}) != nil {
		t.Error("what is followed already, or by another session, is refused")
	}
}
