package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// An upstreamFunc answers requests and may reach who asks.
type upstreamFunc func(ctx context.Context, r call.Request) (result, rpcErr json.RawMessage, err error)

func (f upstreamFunc) Request(ctx context.Context, _ string, r call.Request) (result, rpcErr json.RawMessage, err error) {
	if err := r.Admit(); err != nil {
		return nil, nil, err
	}
	return f(ctx, r)
}

// greeted opens a session of a client that can be asked anything.
func (r *rig) greeted(t testing.TB, path string) *raw {
	t.Helper()
	c := &raw{t: t, rig: r, path: path}
	resp, body := c.post(`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{},"sampling":{},"roots":{}},"clientInfo":{"name":"raw","version":"0"}}}`, nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("initialize: %s %s", resp.Status, body)
	}
	c.session, c.revision = resp.Header.Get(sessionHeader), "2025-06-18"
	return c
}

// An events reads an event stream.
type events struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Reader
}

// stream posts a message whose answer is an event stream.
func (c *raw) stream(body string, h map[string]string) *events {
	c.t.Helper()
	resp, err := c.rig.client.Do(c.request(c.t.Context(), http.MethodPost, body, h))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		c.t.Fatalf("got %q: %s", got, b)
	}
	return &events{t: c.t, resp: resp, in: bufio.NewReader(resp.Body)}
}

// next returns the data of the next event, "" at the end.
func (e *events) next() string {
	e.t.Helper()
	for {
		line, err := e.in.ReadString('\n')
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return strings.TrimSuffix(data, "\n")
		}
		if err != nil {
			return ""
		}
	}
}

const callT = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s__t","_meta":{"progressToken":1}}}`

func TestNotificationsComeBeforeTheAnswer(t *testing.T) {
	up := upstreamFunc(func(_ context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		for i := range 3 {
			r.From.Notify("notifications/progress", fmt.Appendf(nil, "{\"progressToken\":1,\n\"progress\":%d}", i))
		}
		return json.RawMessage(`{"content":[]}`), nil, nil
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	modern := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{` + modernMeta + `,"name":"s__t"}}`
	for _, c := range []struct {
		client *raw
		body   string
		h      map[string]string
		want   string
	}{
		{r.legacy(t, "/mcp"), callT, nil, `{"content":[]}`},
		{r.modern(t, "/mcp"), modern, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"}, `{"resultType":"complete","content":[]}`},
	} {
		e := c.client.stream(c.body, c.h)
		for i := range 3 {
			if got, want := e.next(), fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1, "progress":%d}}`, i); got != want {
				t.Errorf("event %d = %s, want %s", i, got, want)
			}
		}
		if got := e.next(); got != `{"jsonrpc":"2.0","id":7,"result":`+c.want+`}` {
			t.Errorf("answer = %s", got)
		}
		if got := e.next(); got != "" {
			t.Errorf("after the answer = %s", got)
		}
	}
	// Who takes JSON alone gets the answer alone.
	if resp, body := r.legacy(t, "/mcp").post(callT, map[string]string{"Accept": "application/json"}); body != `{"jsonrpc":"2.0","id":7,"result":{"content":[]}}` {
		t.Errorf("%s %s", resp.Status, body)
	}
}

func TestServersRequestIsAnsweredByItsClient(t *testing.T) {
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		result, rpcErr, err := r.From.Ask(ctx, "elicitation/create", json.RawMessage(`{"message":"<name>?","n":12345678901234567890}`))
		return fmt.Appendf(nil, `{"result":%q,"error":%q,"err":"%v","can":%s,"modern":%v}`, result, rpcErr, err, r.From.Capabilities(), r.From.Modern()), nil, nil
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c, other := r.greeted(t, "/mcp"), r.greeted(t, "/mcp")
	const can = `"can":{"elicitation":{},"sampling":{},"roots":{}},"modern":false}}`
	for answer, want := range map[string]string{
		`"result":{"action":"accept", "content":{"n":1.0}}`: `{"result":"{\"action\":\"accept\", \"content\":{\"n\":1.0}}","error":"","err":"<nil>",` + can,
		`"error":{"code":-1,"message":"no"}`:                `{"result":"","error":"{\"code\":-1,\"message\":\"no\"}","err":"<nil>",` + can,
	} {
		e := c.stream(callT, nil)
		var asked struct {
			ID, Method string
			Params     json.RawMessage
		}
		if err := json.Unmarshal([]byte(e.next()), &asked); err != nil || asked.Method != "elicitation/create" || string(asked.Params) != `{"message":"<name>?","n":12345678901234567890}` {
			t.Fatalf("asked %+v, %v", asked, err)
		}
		post := func(c *raw, id string) {
			t.Helper()
			if resp, body := c.post(`{"jsonrpc":"2.0","id":"`+id+`",`+answer+`}`, nil); resp.StatusCode != http.StatusAccepted || body != "" {
				t.Errorf("answering: %s %s", resp.Status, body)
			}
		}
		post(other, asked.ID) // not his to answer
		post(c, "guess")
		post(c, asked.ID)
		post(c, asked.ID)
		if got := e.next(); got != `{"jsonrpc":"2.0","id":7,"result":`+want {
			t.Errorf("answer = %s, want %s", got, want)
		}
	}
	if n := len(r.endpoint.scope("").asked.open); n != 0 {
		t.Errorf("%d questions are left over", n)
	}
}

func TestQuestionEndsWithItsRequest(t *testing.T) {
	failed := make(chan error, 1)
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		_, _, err := r.From.Ask(ctx, "roots/list", nil)
		failed <- err
		return nil, nil, context.Cause(ctx)
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.greeted(t, "/mcp")
	e := c.stream(callT, nil)
	if got := e.next(); !strings.HasSuffix(got, `"method":"roots/list"}`) {
		t.Fatalf("asked %s", got)
	}
	_ = e.resp.Body.Close() // the client is gone
	if err := <-failed; err == nil {
		t.Error("the question has an answer")
	}
	e = c.stream(strings.Replace(callT, `"id":7`, `"id":8`, 1), nil)
	e.next()
	c.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}`, nil)
	if err := <-failed; !errors.Is(err, errCancelled) {
		t.Errorf("a cancelled request's question: %v", err)
	}
}

// TestClientThatNeverReadsHoldsNobody floods a client that reads nothing.
func TestClientThatNeverReadsHoldsNobody(t *testing.T) {
	const flood = 100_000
	told := make(chan time.Duration, 1)
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		if !strings.Contains(string(r.Params), "flood") {
			return json.RawMessage(`{}`), nil, nil
		}
		began := time.Now()
		params := json.RawMessage(`{"x":"` + strings.Repeat("x", 1000) + `"}`)
		for range flood {
			r.From.Notify("notifications/progress", params)
		}
		told <- time.Since(began)
		<-ctx.Done()
		return nil, nil, context.Cause(ctx)
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Replace(callT, `"_meta"`, `"flood":1,"_meta"`, 1)
	if err := c.request(t.Context(), http.MethodPost, body, nil).Write(conn); err != nil {
		t.Fatal(err)
	}
	select {
	case took := <-told:
		if took > 10*time.Second {
			t.Errorf("the server was held for %v", took)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the server is held")
	}
	if _, body := r.legacy(t, "/mcp").call("s__t", `{"name":"s__t"}`); body != `{"jsonrpc":"2.0","id":7,"result":{}}` {
		t.Errorf("another client meanwhile: %s", body)
	}
	_ = conn.Close()
	within(t, 10*time.Second, "its request has ended", func() bool {
		q := &r.endpoint.scope("").requests
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.open) == 0
	})
}

// TestInputIsAskedOfAnOlderClient has a server of the newest revision reach a client of an older one.
func TestInputIsAskedOfAnOlderClient(t *testing.T) {
	var mu sync.Mutex
	var got []string // guarded by mu
	up := upstreamFunc(func(_ context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		mu.Lock()
		got = append(got, string(r.Params))
		n := len(got)
		mu.Unlock()
		if n == 3 {
			return json.RawMessage(`{"content":[]}`), nil, nil
		}
		return fmt.Appendf(nil, `{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"message":"m%d"}},"b":{"method":"roots/list"}},"requestState":"st%d"}`, n, n), nil, nil
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	c := r.greeted(t, "/mcp")
	e := c.stream(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s__t","arguments":{"big":12345678901234567890}}}`, nil)
	for range 4 {
		var asked struct{ ID, Method string }
		if err := json.Unmarshal([]byte(e.next()), &asked); err != nil {
			t.Fatal(err)
		}
		c.post(`{"jsonrpc":"2.0","id":"`+asked.ID+`","result":{"to":"`+asked.Method+`"}}`, nil)
	}
	if got := e.next(); got != `{"jsonrpc":"2.0","id":7,"result":{"content":[]}}` {
		t.Errorf("answer = %s", got)
	}
	const base = `{"name":"t","arguments":{"big":12345678901234567890}`
	again := base + `,"inputResponses":{"a":{"to":"elicitation/create"},"b":{"to":"roots/list"}},"requestState":"st%d"}`
	if want := fmt.Sprint([]string{base + "}", fmt.Sprintf(again, 1), fmt.Sprintf(again, 2)}); fmt.Sprint(got) != want {
		t.Errorf("the server got %s, want %s", got, want)
	}
	// A client that cannot be asked gets an error in our words.
	got = nil
	if _, body := r.legacy(t, "/mcp").call("s__t", `{"name":"s__t"}`); !strings.Contains(body, `"error":{"code":-32603,"message":"The server \"s\" asks for something that this client cannot do."`) {
		t.Errorf("a client that can do nothing: %s", body)
	}
}
