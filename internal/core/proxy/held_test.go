package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/call"
)

const askableMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"raw","version":"0"}}`

// required is what a client is asked by a result.
type required struct {
	Result struct {
		ResultType    string
		InputRequests map[string]struct {
			Method string
			Params json.RawMessage
		}
		RequestState string
	}
}

// callAsking calls s__t as a client of the newest revision that can be asked.
func (c *raw) callAsking(name, more string) (*http.Response, string) {
	c.t.Helper()
	return c.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{`+askableMeta+`,"name":"`+name+`"`+more+`}}`,
		map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": name})
}

func (c *raw) asked(more string) (q required) {
	c.t.Helper()
	_, body := c.callAsking("s__t", more)
	if err := json.Unmarshal([]byte(body), &q); err != nil || q.Result.ResultType != "input_required" || !strings.HasPrefix(q.Result.RequestState, statePrefix) {
		c.t.Fatalf("asked %s", body)
	}
	return q
}

// TestNewestClientIsAskedByResult has an older server ask a client of the newest revision twice.
func TestNewestClientIsAskedByResult(t *testing.T) {
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		first, _, err := r.From.Ask(ctx, "elicitation/create", json.RawMessage("{\"message\":\n\"1\"}"))
		if err != nil {
			return nil, nil, err
		}
		second, _, err := r.From.Ask(ctx, "elicitation/create", json.RawMessage(`{"message":"2"}`))
		return fmt.Appendf(nil, `{"first":%s,"second":%q,"err":%q}`, first, second, fmt.Sprint(err)), nil, nil
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"), plainTool("u"))
	c := r.modern(t, "/mcp")
	q := c.asked("")
	if in := q.Result.InputRequests["input1"]; len(q.Result.InputRequests) != 1 || in.Method != "elicitation/create" || string(in.Params) != `{"message": "1"}` {
		t.Errorf("asked %+v", q)
	}
	retry := func(q required, responses string) string {
		return `,"inputResponses":{` + responses + `},"requestState":"` + q.Result.RequestState + `"`
	}
	// Another call, or another endpoint, cannot go on with it.
	if resp, body := c.callAsking("s__u", retry(q, `"input1":{}`)); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "-32602") {
		t.Errorf("another call with its state: %s %s", resp.Status, body)
	}
	if resp, body := r.modern(t, "/mcp/search").callAsking("s__t", retry(q, `"input1":{}`)); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("another endpoint with its state: %s %s", resp.Status, body)
	}
	if resp, body := c.post(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{`+askableMeta+`,"name":"s__t"`+retry(q, `"input1":{}`)+`}}`,
		map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t", "Authorization": "Bearer another"}); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("another client with its state: %s %s", resp.Status, body)
	}
	q2 := c.asked(retry(q, `"input1":{"action":"accept","n":12345678901234567890}`))
	if in := q2.Result.InputRequests["input2"]; string(in.Params) != `{"message":"2"}` {
		t.Errorf("asked %+v", q2)
	}
	if resp, _ := c.callAsking("s__t", retry(q, `"input1":{}`)); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a state was good twice: %s", resp.Status)
	}
	_, body := c.callAsking("s__t", retry(q2, ""))
	if want := `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","first":{"action":"accept","n":12345678901234567890},"second":"","err":"the client did not answer"}}`; body != want {
		t.Errorf("answer %s, want %s", body, want)
	}
	// A state of a server's own is not ours to judge.
	if q := c.asked(`,"requestState":"theirs"`); len(q.Result.InputRequests) != 1 {
		t.Errorf("asked %+v", q)
	}
}

// TestRequestsWithoutParams: an older server's roots/list needs none, and clients
// of the newest revision fail without.
func TestRequestsWithoutParams(t *testing.T) {
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		answer, _, err := r.From.Ask(ctx, "elicitation/create", nil)
		return answer, nil, err
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	if in := r.modern(t, "/mcp").asked("").Result.InputRequests["input1"]; string(in.Params) != "{}" {
		t.Errorf("params %q, want {}", in.Params)
	}
}

// TestWaitingRequestEndsWithTheEndpoint leaves a request that waits for its client.
func TestWaitingRequestEndsWithTheEndpoint(t *testing.T) {
	ended := make(chan error, 1)
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		_, _, err := r.From.Ask(ctx, "elicitation/create", nil)
		ended <- err
		return nil, nil, err
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	r.modern(t, "/mcp").asked("")
	r.endpoint.scope("").close()
	if err := <-ended; err == nil {
		t.Error("it was answered")
	}
}

// TestUnansweredRequestExpires has the time to answer pass.
func TestUnansweredRequestExpires(t *testing.T) {
	ended := make(chan error, 1)
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		_, _, err := r.From.Ask(ctx, "elicitation/create", nil)
		ended <- err
		return nil, nil, err
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	q := r.modern(t, "/mcp").asked("")
	r.endpoint.scope("").helds.expire(q.Result.RequestState)
	if err := <-ended; err == nil {
		t.Error("it was answered")
	}
	resp, _ := r.modern(t, "/mcp").callAsking("s__t", `,"inputResponses":{"input1":{}},"requestState":"`+q.Result.RequestState+`"`)
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("answered too late: %s", resp.Status)
	}
}

// TestHeldRequestLosesNoNotification has a server speak at once, to a client that could be asked.
func TestHeldRequestLosesNoNotification(t *testing.T) {
	up := upstreamFunc(func(_ context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		r.From.Notify("notifications/progress", json.RawMessage(`{"progress":0.50}`))
		return json.RawMessage(`{}`), nil, nil
	})
	r := start(t, up, Options{})
	connect(r.view, "s", plainTool("t"))
	for range 100 {
		e := r.modern(t, "/mcp").stream(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{`+askableMeta+`,"name":"s__t"}}`,
			map[string]string{methodHeader: "tools/call", "Mcp-Name": "s__t"})
		if got := e.next(); !strings.Contains(got, "0.50") {
			t.Fatalf("got %s", got)
		}
	}
}
