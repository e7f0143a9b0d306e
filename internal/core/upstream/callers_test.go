package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// A person is a client in a test.
type person struct {
	caps   string
	modern bool
	told   chan string // "method params"
	answer func(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error)
}

func newPerson(answer string) *person {
	return &person{
		caps: `{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}`, told: make(chan string, 100),
		answer: func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
			return json.RawMessage(answer), nil, nil
		},
	}
}

func (p *person) Capabilities() json.RawMessage { return json.RawMessage(p.caps) }
func (p *person) Modern() bool                  { return p.modern }
func (p *person) Notify(method string, params json.RawMessage) {
	p.told <- method + " " + string(params)
}

func (p *person) Ask(ctx context.Context, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	p.told <- "ask " + method + " " + string(params)
	return p.answer(ctx, method, params)
}

// callFrom makes a tools/call of a client and returns the result.
func callFrom(t *testing.T, s *Session, from call.Client, params string) string {
	t.Helper()
	answer, rpcErr, err := s.Request(t.Context(), call.Request{Method: "tools/call", Params: json.RawMessage(params), From: from})
	if err != nil || rpcErr != nil {
		t.Fatalf("call: %s, %v", rpcErr, err)
	}
	return string(answer)
}

// overBoth runs a test against the server of a mode, over stdio and over HTTP.
func overBoth(t *testing.T, mode string, test func(t *testing.T, s *Session)) {
	t.Run("stdio", func(t *testing.T) { test(t, connect(t, patient(), childOf("both"+mode))) })
	t.Run("http", func(t *testing.T) {
		test(t, connect(t, testConnector(), remoteAt(serveHTTP(t, newBoth("both"+mode)).URL, "http")))
	})
}

// seen returns what the server has heard, each message on a line of its own.
func seen(t *testing.T, s *Session) string {
	t.Helper()
	var r struct{ Seen []string }
	if err := json.Unmarshal([]byte(result(t, s, "seen", "{}")), &r); err != nil {
		t.Fatal(err)
	}
	return strings.Join(r.Seen, "\n")
}

func TestRequestOfAServerReachesItsCaller(t *testing.T) {
	// Ids that a decoder would round, and one that is a string.
	for _, id := range []string{`12345678901234567890`, `1.50`, `-0`, `"a\/b"`} {
		overBoth(t, "", func(t *testing.T, s *Session) {
			const answer = `{"action":"accept","content":{"n":12345678901234567890},"x-new":1.0}`
			p := newPerson(answer)
			got := callFrom(t, s, p, fmt.Sprintf(`{"say":[{"jsonrpc":"2.0","id":%s,"method":"elicitation/create","params":{"message":"Name?","x":1e2}}],"await":%s}`, id, id))
			if want := fmt.Sprintf(`{"answer":{"jsonrpc":"2.0","id":%s,"result":%s}}`, id, answer); got != want {
				t.Errorf("the server got\n %s, want\n %s", got, want)
			}
			if asked := await(t, p.told, "the request"); asked != `ask elicitation/create {"message":"Name?","x":1e2}` {
				t.Errorf("the client got %s", asked)
			}
		})
	}
}

func TestErrorsOfClientsReachTheServer(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		p := newPerson("")
		p.answer = func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
			return nil, json.RawMessage(`{"code":-1,"message":"no","data":{"n":1e400}}`), nil
		}
		const params = `{"say":[{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}],"await":7}`
		if got := callFrom(t, s, p, params); got != `{"answer":{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no","data":{"n":1e400}}}}` {
			t.Errorf("the server got %s", got)
		}
		p.answer = func(context.Context, string, json.RawMessage) (json.RawMessage, json.RawMessage, error) {
			return nil, nil, errors.New("secret words")
		}
		if got := callFrom(t, s, p, params); !strings.Contains(got, `"error":{"code":-32603,"message":"The client did not answer."}`) {
			t.Errorf("the server got %s", got)
		}
	})
}

func TestClientsAreOnlyAskedWhatTheyDeclared(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		for _, tt := range []struct{ caps, method, params, want string }{
			{`{}`, "elicitation/create", `{}`, "-32601"},
			{``, "roots/list", `{}`, "-32601"},
			{`{"roots":{}}`, "sampling/createMessage", `{}`, "-32601"},
			{`{"elicitation":{}}`, "elicitation/create", `{"mode":"url"}`, "-32602"},
			{`{"elicitation":{"url":{}}}`, "elicitation/create", `{"mode":"form"}`, "-32602"},
			{`{"sampling":{}}`, "sampling/createMessage", `{"tools":[]}`, "-32602"},
			{`{"elicitation":{}}`, "elicitation/create", `{}`, ""},
			{`{"elicitation":{"form":{},"url":{}}}`, "elicitation/create", `{"mode":"url"}`, ""},
			{`{"sampling":{"tools":{}}}`, "sampling/createMessage", `{"tools":[]}`, ""},
			{`{"roots":{}}`, "roots/list", `{}`, ""},
			{``, "vendor/new", `{}`, ""},
		} {
			p := newPerson(`{"ok":1}`)
			p.caps = tt.caps
			got := callFrom(t, s, p, fmt.Sprintf(`{"say":[{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}],"await":1}`, tt.method, tt.params))
			if want := `"error":{"code":` + tt.want + `,`; tt.want != "" && (!strings.Contains(got, want) || len(p.told) > 0) {
				t.Errorf("%s of a client with %s: the server got %s, want %s", tt.method, tt.caps, got, want)
			}
			if tt.want == "" && !strings.Contains(got, `{"ok":1}`) {
				t.Errorf("%s of a client with %s: the server got %s", tt.method, tt.caps, got)
			}
		}
	})
}

func TestRequestOfAServerReachesNobodyElse(t *testing.T) {
	const (
		asks = `{"say":[{"jsonrpc":"2.0","id":%q,"method":"roots/list"}],"await":%q}`
		hang = `{"hang":true}`
	)
	overBoth(t, "", func(t *testing.T, s *Session) {
		a, b := newPerson(`{"roots":["of a"]}`), newPerson(`{"roots":["of b"]}`)
		ctx, cancel := context.WithCancel(t.Context())
		hung := make(chan struct{})
		go func() {
			defer close(hung)
			_, _, _ = s.Request(ctx, call.Request{Method: "tools/call", Params: json.RawMessage(hang), From: b})
		}()
		waitFor(t, "the other's call", func() bool { return strings.Contains(seen(t, s), hang) })
		got := callFrom(t, s, a, fmt.Sprintf(asks, "x", "x"))
		switch {
		case len(b.told) > 0:
			t.Errorf("the other client got %s", <-b.told)
		case s.remote == nil && (!strings.Contains(got, `"error":{"code":-32603,`) || len(a.told) > 0):
			t.Errorf("with two clients the server got %s", got) // it did not say whom it means
		case s.remote != nil && !strings.Contains(got, "of a"):
			t.Errorf("on the stream of the call the server got %s", got)
		}
		cancel()
		<-hung
		// The server goes on with what was cancelled, and asks in the course of that.
		for len(a.told) > 0 {
			<-a.told
		}
		got = callFrom(t, s, a, fmt.Sprintf(asks, "late", "late"))
		if s.remote == nil && (!strings.Contains(got, `"error":{"code":-32603,`) || len(a.told) > 0) {
			t.Errorf("after the other's call was cancelled the server got %s", got)
		}
	})
}

func TestCallsOfOneClientAreNotToldApart(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		a := newPerson(`{"roots":["of a"]}`)
		ctx, cancel := context.WithCancel(t.Context())
		hung := make(chan struct{})
		go func() {
			defer close(hung)
			_, _, _ = s.Request(ctx, call.Request{Method: "tools/call", Params: json.RawMessage(`{"hang":true,"again":1}`), From: a})
		}()
		waitFor(t, "the same client's call", func() bool { return strings.Contains(seen(t, s), `"again"`) })
		if got := callFrom(t, s, a, `{"say":[{"jsonrpc":"2.0","id":"y","method":"roots/list"}],"await":"y"}`); !strings.Contains(got, "of a") {
			t.Errorf("with two calls of one client the server got %s", got)
		}
		cancel()
		<-hung
	})
}

func TestServerThatAsksWhenNobodyCalls(t *testing.T) {
	s := connect(t, patient(), childOf("both"))
	p := newPerson(`{}`)
	callFrom(t, s, p, `{}`)
	// A request of our own is nobody's.
	got := result(t, s, "tools/call", `{"say":[{"jsonrpc":"2.0","id":1,"method":"roots/list"},{"jsonrpc":"2.0","id":2,"method":"ping"}],"await":1}`)
	if !strings.Contains(got, `"error":{"code":-32603,`) || len(p.told) > 0 {
		t.Errorf("the server got %s", got)
	}
	waitFor(t, "the answer to ping", func() bool {
		return strings.Contains(seen(t, s), `{"jsonrpc":"2.0","id":2,"result":{}}`)
	})
}

func TestWithdrawnRequestOfAServer(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		p := newPerson("")
		over := make(chan error, 1)
		p.answer = func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
			<-ctx.Done()
			over <- context.Cause(ctx)
			return nil, nil, context.Cause(ctx)
		}
		got := callFrom(t, s, p, `{"say":[{"jsonrpc":"2.0","id":5,"method":"roots/list"},{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}},{"jsonrpc":"2.0","id":6,"method":"ping"}],"await":6}`)
		if err := await(t, over, "the end of the question"); !errors.Is(err, errWithdrawn) && !errors.Is(err, errCallOver) {
			t.Errorf("it ended because of %v", err)
		}
		if !strings.Contains(got, `"id":6,"result":{}`) {
			t.Errorf("ping was answered %s", got)
		}
	})
}

func TestEndOfACallEndsItsQuestion(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		p := newPerson("")
		asked, over := make(chan struct{}), make(chan error, 1)
		p.answer = func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, json.RawMessage, error) {
			close(asked)
			<-ctx.Done()
			over <- context.Cause(ctx)
			return nil, nil, context.Cause(ctx)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		_, _, err := s.Request(ctx, call.Request{Method: "tools/call", From: p, Params: json.RawMessage(`{"say":[{"jsonrpc":"2.0","id":"q","method":"roots/list"}],"hang":true}`)})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the call ended with %v", err)
		}
		if err := await(t, over, "the end of the question"); !errors.Is(err, errCallOver) {
			t.Errorf("the question ended because of %v", err)
		}
		waitFor(t, "cancellation and answer", func() bool {
			all := seen(t, s)
			return strings.Contains(all, `"notifications/cancelled"`) && strings.Contains(all, `"id":"q","error":{"code":-32603,`)
		})
	})
}

func TestProgressKeepsTheCallersToken(t *testing.T) {
	for _, mode := range []string{"", "+modern"} {
		overBoth(t, mode, func(t *testing.T, s *Session) {
			p := newPerson("")
			got := callFrom(t, s, p, `{"_meta":{"v/x":1.0,"progressToken":12345678901234567890},"say":[`+
				`{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":1e2,"progressToken":"TOKEN","progress":0.50}},`+
				`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"r999","progress":2}},`+
				`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":12345678901234567890,"progress":3}},`+
				`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"1.0"}}]}`)
			if strings.Contains(got, `"progressToken":12345678901234567890}`) || !strings.Contains(got, `"v/x":1.0`) {
				t.Errorf("the server got %s", got)
			}
			close(p.told)
			var told []string
			for line := range p.told {
				told = append(told, line)
			}
			want := []string{`notifications/progress {"x":1e2,"progressToken":12345678901234567890,"progress":0.50}`, `notifications/message {"data":"1.0"}`}
			if !slices.Equal(told, want) {
				t.Errorf("the client was told\n %q, want\n %q", told, want)
			}
		})
	}
}

func TestModernServerSeesWhatTheCallerCan(t *testing.T) {
	overBoth(t, "+modern", func(t *testing.T, s *Session) {
		if greeting, _, _ := strings.Cut(seen(t, s), "\n"); !strings.Contains(greeting, `"io.modelcontextprotocol/clientCapabilities":{}`) {
			t.Errorf("server/discover carries %s", greeting)
		}
		s.Follow(call.Wish{LogLevel: "info"})
		for _, tt := range []struct {
			name, level string
			from        *person
			want        string
		}{
			{"legacy caller", "", &person{caps: `{"roots":{ "x":1.0 }}`}, `"io.modelcontextprotocol/clientCapabilities":{"roots":{ "x":1.0 }},"io.modelcontextprotocol/logLevel":"info"`},
			{"legacy caller with a key of the newer", "debug", &person{caps: `{}`}, `"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"info"`},
			{"modern caller", "debug", &person{caps: `{"elicitation":{}}`, modern: true}, `"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/logLevel":"debug"`},
			{"caller without any", "", &person{}, `"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"info"`},
		} {
			params := `{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}}`
			if tt.level != "" {
				params = fmt.Sprintf(`{"_meta":{"io.modelcontextprotocol/logLevel":%q}}`, tt.level)
			}
			got := callFrom(t, s, tt.from, params)
			_, got, _ = strings.Cut(got, `},"io`)
			if got, _, _ = strings.Cut(`"io`+got, "}}}"); got != tt.want {
				t.Errorf("%s: the server got\n %s, want\n %s", tt.name, got, tt.want)
			}
		}
	})
}

func TestCancellationReachesTheServer(t *testing.T) {
	for _, mode := range []string{"", "+modern"} {
		overBoth(t, mode, func(t *testing.T, s *Session) {
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan error, 1)
			go func() {
				_, _, err := s.Request(ctx, call.Request{Method: "tools/call", Params: json.RawMessage(`{"hang":true,"me":1}`)})
				over <- err
			}()
			var id string
			waitFor(t, "the call", func() bool {
				for _, line := range strings.Split(seen(t, s), "\n") {
					if strings.Contains(line, `"me":1`) {
						id = string(member(json.RawMessage(line), "id"))
					}
				}
				return id != ""
			})
			cancel()
			if err := await(t, over, "the end of the call"); !errors.Is(err, context.Canceled) {
				t.Errorf("the call ended with %v", err)
			}
			want := `"method":"notifications/cancelled","params":{"requestId":` + id
			if mode != "" && s.remote != nil {
				want = "gone: " + id // "closing the SSE response stream" [2026-07-28, cancellation]
			}
			waitFor(t, want, func() bool { return strings.Contains(seen(t, s), want) })
		})
	}
}

func TestAbandonedCallIsOverInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t.Context(), slog.New(slog.DiscardHandler), 0)
		a, b := newPending(newPerson("a"), nil), newPending(newPerson("b"), nil)
		for id, p := range map[uint64]*pending{1: b, 2: b, 3: a} {
			if err := w.await(id, p, "tools/call"); err != nil {
				t.Fatal(err)
			}
		}
		w.nextID.Store(3)
		for _, id := range []uint64{1, 2} {
			w.abandon(id, b)
			w.forget(id, b)
		}
		if got := w.caller(nil); got != nil {
			t.Errorf("while the server may work on the other's calls, %v is asked", got)
		}
		time.Sleep(abandonedFor + time.Second)
		if got := w.caller(nil); got != a || len(w.abandoned) != 0 {
			t.Errorf("after that %v is asked; %d calls are kept", got, len(w.abandoned))
		}
		w.end(errClosed)
	})
}

func TestAbandonedCallIsOverWithItsAnswer(t *testing.T) {
	w := newWire(t.Context(), slog.New(slog.DiscardHandler), 0)
	defer w.end(errClosed)
	a, b := newPending(newPerson("a"), nil), newPending(newPerson("b"), nil)
	for id, p := range map[uint64]*pending{1: b, 2: a} {
		if err := w.await(id, p, "tools/call"); err != nil {
			t.Fatal(err)
		}
	}
	w.abandon(1, b)
	w.forget(1, b)
	w.nextID.Store(2)
	if _, err := w.deliver([]byte(`{"jsonrpc":"2.0","id":"r1","result":{}}`), false); err != nil {
		t.Fatal(err)
	}
	if got := w.caller(nil); got != a {
		t.Errorf("%v is asked", got)
	}
}

func TestMetaThatIsNoObject(t *testing.T) {
	for mode, want := range map[string]string{"": `{"_meta":null,"x":1}`, "+modern": `"x":1}`} {
		overBoth(t, mode, func(t *testing.T, s *Session) {
			got := callFrom(t, s, newPerson(""), `{"_meta":null,"x":1}`)
			if !strings.Contains(got, want) || (mode != "" && !strings.Contains(got, metaProtocol)) {
				t.Errorf("the server got %s", got)
			}
		})
	}
}

func TestUnknownNotificationReachesTheOnlyCaller(t *testing.T) {
	overBoth(t, "", func(t *testing.T, s *Session) {
		p := newPerson("")
		callFrom(t, s, p, `{"say":[{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}]}`)
		if got := await(t, p.told, "the notification"); got != `notifications/elicitation/complete {"elicitationId":"e"}` {
			t.Errorf("the client got %s", got)
		}
	})
}
