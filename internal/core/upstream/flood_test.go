package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/call"
)

// TestServerThatAsksWithoutEnd lets a server ask far more than anybody answers. Some
// questions wait, the rest is refused, and calls go on.
func TestServerThatAsksWithoutEnd(t *testing.T) {
	s := connect(t, patient(), childOf("both"))
	p := newPerson("")
	p.told = make(chan string, 10_000)
	p.answer = func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
		<-ctx.Done()
		return nil, nil, context.Cause(ctx)
	}
	const n = 3000
	var say strings.Builder
	for i := range n {
		fmt.Fprintf(&say, `{"jsonrpc":"2.0","id":%d,"method":"roots/list"},{"jsonrpc":"2.0","id":"p%d","method":"ping"},`, i, i)
	}
	before := runtime.NumGoroutine()
	callFrom(t, s, p, `{"say":[`+strings.TrimSuffix(say.String(), ",")+`]}`) // it reads nothing before it has said all
	if len(p.told) != maxQuestions {
		t.Errorf("the client was asked %d times, want %d", len(p.told), maxQuestions)
	}
	for range 3 {
		got := callFrom(t, s, newPerson(`{"roots":[]}`), `{"say":[{"jsonrpc":"2.0","id":"later","method":"roots/list"}],"await":"later"}`)
		if !strings.Contains(got, `"result":{"roots":[]}`) {
			t.Errorf("a later question was answered %s", got)
		}
	}
	waitFor(t, "the end of all questions", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// TestOddRequestsOfServers lets a server ask what is no proper request.
func TestOddRequestsOfServers(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		p := newPerson(`{"ok":true}`)
		for _, line := range []string{
			`{"jsonrpc":"2.0","id":{"a":[1]},"method":"roots/list"}`,
			`{"jsonrpc":"2.0","id":null,"method":"roots/list"}`,
			`{"jsonrpc":"2.0","id":1,"method":7}`,
			`{"jsonrpc":"2.0","id":1,"method":"\u0000"}`,
			`{"jsonrpc":"2.0","id":2,"method":"elicitation/create","params":[1]}`,
			`{"jsonrpc":"2.0","id":3,"method":"sampling/createMessage","params":"text"}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}`,
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{"r":1}}}`,
			`{"jsonrpc":"2.0","method":"notifications/progress"}`,
			`{"jsonrpc":"2.0","method":"notifications/message","params":[{"progressToken":"r1"}]}`,
			`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":7}`,
			`{"jsonrpc":"2.0","method":{}}`,
		} {
			got := callFrom(t, s, p, `{"say":[`+line+`,{"jsonrpc":"2.0","id":"end","method":"ping"}],"await":"end"}`)
			if !strings.Contains(got, `"id":"end","result":{}`) {
				t.Errorf("after %s the call got %s", line, got)
			}
		}
	})
}

// FuzzServerSays checks that whatever a server says on any stream, no call is answered
// by what is no answer to it, and nothing crashes.
func FuzzServerSays(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"method":"roots/list"}`, `{"id":"\u0031","method":"elicitation\/create","params":{"mode":"url"}}`,
		`{"method":"notifications/progress","params":{"progressToken":"r1","progress":1}}`, `{"method":"notifications/progress","params":{"progressToken":"r1","progressToken":"r2"}}`,
		`{"method":"notifications/cancelled","params":{"requestId":1}}`, `{"method":"notifications/message","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`,
		`{"id":1,"method":"ping"}`, `{"id":{},"method":"x"}`, `{"method":"notifications/resources/updated"}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, msg []byte, bound bool) {
		w := quietWire(t)
		w.carrier = &chaotic{}
		w.notify = func(string, json.RawMessage) {}
		person := newPerson(`{}`)
		p := newPending(call.Client(person), json.RawMessage(`"mine"`))
		if err := w.await(w.nextID.Add(1), p, "tools/call"); err != nil {
			t.Fatal(err)
		}
		var of *pending
		if bound {
			of = p
		}
		_, _ = w.deliverIn(of, msg, false)
		if answered := len(p.answer) > 0; answered && !strings.Contains(string(msg), "r1") && !strings.Contains(string(msg), `\u`) {
			t.Errorf("%q answered the call", msg)
		}
		w.forget(1, p)
		w.end(errClosed)
		w.calls.Wait()
		if len(w.questions) > 0 || len(w.peers) > 0 || len(w.waiting) > 0 {
			t.Errorf("left: %v, %v, %v", w.questions, w.peers, w.waiting)
		}
	})
}
