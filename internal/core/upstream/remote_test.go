package upstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/stateview"
)

// serveHTTP serves h until the test ends, after the sessions of the test.
func serveHTTP(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	return srv
}

func sdkHandler(stateless bool) http.Handler {
	server := sdkServer()
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
}

func TestRemoteLibraryServers(t *testing.T) {
	server := sdkServer()
	old := mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
	for _, tt := range []struct {
		name, transport, want, protocol string
		handler                         http.Handler
	}{
		{"stateless", "http", "http", "2026-07-28", sdkHandler(true)},
		{"stateful", "http", "http", "2025-11-25", sdkHandler(false)},
		{"sse", "sse", "sse", "", old},
		{"sse behind http", "http", "sse", "", old},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := serveHTTP(t, tt.handler)
			s := connect(t, testConnector(), remoteAt(srv.URL, tt.transport))
			var st stateview.ServerStatus
			s.Describe(&st)
			if st.Transport.String() != tt.want || tt.protocol != "" && st.Protocol != tt.protocol || st.PID != 0 {
				t.Errorf("Describe: %+v", st)
			}
			before := len(toolNames(t, s))
			if got := result(t, s, "tools/call", `{"name":"echo","arguments":{"text":"é"}}`); !strings.Contains(got, `"text":"é"`) {
				t.Errorf("result = %s", got)
			}
			_, rpcErr, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"nobody"}`))
			if err != nil || !strings.Contains(string(rpcErr), `"code":-32602`) {
				t.Errorf("unknown tool: %s, %v", rpcErr, err)
			}
			// The stream of changes may open after Connect: ask until it is heard.
			waitFor(t, "list_changed", func() bool {
				result(t, s, "tools/call", `{"name":"grow","arguments":{}}`)
				select {
				case <-s.Changed():
					return true
				case <-time.After(20 * time.Millisecond):
					return false
				}
			})
			if after := len(toolNames(t, s)); after <= before && before < 3 {
				t.Errorf("%d tools after %d", after, before)
			}
		})
	}
}

// oddHTTP is a streamable server written by hand, of 2025-06-18.
type oddHTTP struct {
	deleted atomic.Int32
	pinged  atomic.Int32
	refuses bool        // pings, too, are for call to answer
	lost    atomic.Bool // the session is forgotten
	stream  http.HandlerFunc
	call    func(w http.ResponseWriter, id string, r *http.Request)
}

// paramsOf returns the params of the request that call was called for.
func paramsOf(r *http.Request) json.RawMessage {
	p, _ := r.Context().Value(paramsKey{}).(json.RawMessage)
	return p
}

type paramsKey struct{}

func (o *oddHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		if o.stream == nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		o.stream(w, r)
		return
	case http.MethodDelete:
		o.deleted.Add(1)
		return
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	_ = json.NewDecoder(r.Body).Decode(&m)
	if m.Method != "initialize" && m.Method != methodDiscover && (o.lost.Load() || r.Header.Get("Mcp-Session-Id") != "s1" || r.Header.Get("Mcp-Protocol-Version") != "2025-06-18") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case m.Method == methodDiscover:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`)
	case m.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", "s1")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"odd","version":"1"}}}`, m.ID)
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
	case m.Method == methodPing && !o.refuses:
		o.pinged.Add(1)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, m.ID)
	default:
		o.call(w, string(m.ID), r.WithContext(context.WithValue(r.Context(), paramsKey{}, m.Params)))
	}
}

func TestRemoteAnswersAreTheServersBytes(t *testing.T) {
	forms := map[string]func(w http.ResponseWriter, id string){
		"json": func(w http.ResponseWriter, id string) {
			fmt.Fprintf(w, "{\"result\":%s,\n\"jsonrpc\":\"2.0\",\"id\":%s}\n", oddResult, id)
		},
		"stream": func(w http.ResponseWriter, id string) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			fmt.Fprint(w, ": hello\r\n\r\nevent: other\ndata: {}\n\nid: 1\ndata:\n\n")
			fmt.Fprint(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
			fmt.Fprintf(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\ndata: \"result\":%s}\n\n", id, oddResult)
			w.(http.Flusher).Flush()
		},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			o := &oddHTTP{call: func(w http.ResponseWriter, id string, _ *http.Request) { form(w, id) }}
			s := connect(t, testConnector(), remoteAt(serveHTTP(t, o).URL, "http"))
			if got := result(t, s, "tools/call", `{"name":"odd"}`); got != oddResult {
				t.Errorf("result\n %s, want\n %s", got, oddResult)
			}
			s.Close()
			if n := o.deleted.Load(); n != 1 {
				t.Errorf("session deleted %d times", n)
			}
		})
	}
}

func TestCutAnswerIsResumed(t *testing.T) {
	var o *oddHTTP
	ids := make(chan string, 1)
	o = &oddHTTP{
		call: func(w http.ResponseWriter, id string, _ *http.Request) {
			ids <- id
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "retry: 1\nid: e7\ndata:\n\nid: e8\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"r")
		},
		stream: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Last-Event-ID") == "" {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", <-ids, oddResult)
		},
	}
	s := connect(t, testConnector(), remoteAt(serveHTTP(t, o).URL, "http"))
	if got := result(t, s, "tools/call", `{"name":"odd"}`); got != oddResult {
		t.Errorf("result = %s", got)
	}
}

func TestLostSessionEndsTheSession(t *testing.T) {
	o := &oddHTTP{}
	s := connect(t, testConnector(), remoteAt(serveHTTP(t, o).URL, "http"))
	o.lost.Store(true)
	_, _, err := ask(t.Context(), s, "tools/list", nil)
	wantProblem(t, err, "MPT-SESSION-LOST", "network")
	wantProblem(t, ended(t, s), "MPT-SESSION-LOST", "network")
}

func TestGoneServerEndsTheSession(t *testing.T) {
	ready := make(chan struct{})
	o := &oddHTTP{stream: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		close(ready)
		<-r.Context().Done()
	}}
	srv := httptest.NewServer(o)
	s := connect(t, testConnector(), remoteAt(srv.URL, "http"))
	await(t, ready, "the stream")
	began := time.Now()
	srv.Listener.Close()
	srv.CloseClientConnections()
	wantProblem(t, ended(t, s), "MPT-NET-REFUSED", "network")
	t.Logf("noticed after %v", time.Since(began))
	srv.Close()
}

func TestCancelledRemoteCall(t *testing.T) {
	seen := make(chan struct{})
	o := &oddHTTP{call: func(_ http.ResponseWriter, _ string, r *http.Request) {
		<-r.Context().Done()
		close(seen)
	}}
	s := connect(t, testConnector(), remoteAt(serveHTTP(t, o).URL, "http"))
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("client went away")
	time.AfterFunc(50*time.Millisecond, func() { cancel(mine) })
	if _, _, err := ask(ctx, s, "tools/call", nil); !errors.Is(err, mine) {
		t.Errorf("error = %v, want the cause", err)
	}
	await(t, seen, "the request to be dropped")
}

func TestRemoteFailures(t *testing.T) {
	secret := make(chan string, 10)
	other := serveHTTP(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { secret <- r.Header.Get("Authorization") }))
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 2<<20)) // into memory
	z.Close()
	for _, tt := range []struct {
		name, code, class string
		handler           http.HandlerFunc
	}{
		{"401", "MPT-AUTH-SIGN-IN", "auth", status(401)},
		{"403", "MPT-AUTH-FORBIDDEN", "auth", status(403)},
		{"400", "MPT-HTTP-STATUS", "config", status(400)},
		{"404", "MPT-HTTP-404", "config", status(404)},
		{"405", "MPT-HTTP-405", "config", status(405)},
		{"406", "MPT-HTTP-406", "config", status(406)},
		{"408", "MPT-HTTP-SERVER-ERROR", "network", status(408)},
		{"410", "MPT-HTTP-410", "config", status(410)},
		{"429", "MPT-HTTP-BUSY", "network", status(429)},
		{"500", "MPT-HTTP-SERVER-ERROR", "network", status(500)},
		{"415", "MPT-HTTP-415", "config", status(415)},
		{"503", "MPT-HTTP-BUSY", "network", status(503)},
		{"503 in JSON", "MPT-HTTP-BUSY", "network", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(503)
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"overloaded"}}`)
		}},
		{"another id", "MPT-HTTP-NO-ANSWER", "network", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":77,"result":{}}`)
		}},
		{"10 MB of headers", "MPT-HTTP-NOT-MCP", "protocol", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 10 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1<<20))
			}
		}},
		{"gzip bomb", "MPT-TOO-LARGE", "protocol", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes()) // the client may be gone
		}},
		{"page", "MPT-HTTP-WEB-PAGE", "network", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>Welcome to our Wi-Fi")
		}},
		{"text", "MPT-HTTP-NOT-MCP", "protocol", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
		}},
		{"redirect", "MPT-HTTP-REDIRECT", "network", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}},
		{"cut", "MPT-NET-CUT", "network", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				c.Close()
			}
		}},
		{"endless", "MPT-TOO-LARGE", "protocol", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}},
		{"silence", "MPT-NET-TIMEOUT", "network", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := serveHTTP(t, tt.handler)
			c := testConnector()
			if tt.name == "silence" {
				c.Timeouts.Start = time.Second
			}
			c.MaxBytes = 1 << 20
			entry := remoteAt(srv.URL, "http")
			entry.Headers = map[string]string{"Authorization": "Bearer secret"}
			_, err := c.Connect(t.Context(), entry)
			wantProblem(t, err, tt.code, tt.class)
		})
	}
	if len(secret) > 0 {
		t.Error("a redirect was followed to another server")
	}
}

func TestUnreachableServers(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of our refusal
	secure.StartTLS()
	defer secure.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	plainHTTP := serveHTTP(t, http.NotFoundHandler())
	for _, tt := range []struct{ url, code, class string }{
		{gone.URL, "MPT-NET-REFUSED", "network"},
		{"http://name.invalid/mcp", "MPT-NET-DNS", "network"},
		{secure.URL, "MPT-TLS-UNKNOWN", "network"},
		{strings.Replace(plainHTTP.URL, "http:", "https:", 1), "MPT-TLS", "network"},
	} {
		_, err := testConnector().Connect(t.Context(), remoteAt(tt.url, "http"))
		wantProblem(t, err, tt.code, tt.class)
	}
}

func TestAddressStaysOutOfErrors(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	_, err := testConnector().Connect(t.Context(), remoteAt(gone.URL+"/mcp?key=SECRET", "http"))
	if p := wantProblem(t, err, "MPT-NET-REFUSED", "network"); strings.Contains(fmt.Sprint(err, p), "SECRET") {
		t.Errorf("%v, %+v", err, p)
	}
}

func TestArgumentsAreRepeatedInHeaders(t *testing.T) {
	inner := newBoth("both+modern+headed")
	got := make(chan http.Header, 1)
	srv := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") == "tools/call" {
			got <- r.Header.Clone()
		}
		inner.ServeHTTP(w, r)
	}))
	s := connect(t, testConnector(), remoteAt(srv.URL, "http"))
	if _, _, err := s.Lists(t.Context()); err != nil {
		t.Fatal(err)
	}
	callFrom(t, s, newPerson(""), `{"name":"a","arguments":{"region":"größe"}}`)
	if h := await(t, got, "the call"); h.Get("Mcp-Param-Region") != "=?base64?Z3LDtsOfZQ==?=" || h.Get("Mcp-Name") != "a" {
		t.Errorf("headers %v", h)
	}
}

func TestAddressStaysOutOfTheLog(t *testing.T) {
	inner := sdkHandler(false)
	srv := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			inner.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	}))
	var log bytes.Buffer
	c := testConnector()
	c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})) // it locks
	s := connect(t, c, remoteAt(srv.URL+"/?api_key=hush", "http"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "hush") || !strings.Contains(text, "session not deleted") {
		t.Errorf("the log says %s", text)
	}
}

func TestGreetingThatCannotBeRead(t *testing.T) {
	for _, greeting := range []string{
		`{"protocolVersion":"2025-06-18","capabilities":"x","serverInfo":{"name":"a","version":"1"}}`,
		`{"protocolVersion":"2025-06-18","capabilities":{"tools":[]},"serverInfo":7}`,
		`[]`,
	} {
		srv := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var m struct {
				ID     json.RawMessage
				Method string
			}
			_ = json.NewDecoder(r.Body).Decode(&m) // then it has no method
			w.Header().Set("Content-Type", "application/json")
			if m.Method != "initialize" {
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID)
				return
			}
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, greeting)
		}))
		_, err := testConnector().Connect(t.Context(), remoteAt(srv.URL, "http"))
		wantProblem(t, err, "MPT-GREETING", "protocol")
	}
}
