package bridge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core/rawjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a bridge between a test, which is the client, and a handler, which is
// the endpoint.
type rig struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	over  chan error
}

func bridgeTo(t *testing.T, endpoint http.HandlerFunc) *rig {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/mcp", endpoint)
	srv := httptest.NewServer(mux)
	in, toBridge := io.Pipe()
	fromBridge, out := io.Pipe()
	r := &rig{t: t, in: toBridge, lines: make(chan string, 100), over: make(chan error, 1)}
	go func() {
		r.over <- Run(t.Context(), Options{
			In: in, Out: out, Path: "/mcp", Wait: time.Second,
			Find: func(context.Context) (string, string, error) { return srv.URL, "secret", nil },
		})
		out.Close()
	}()
	go func() {
		defer close(r.lines)
		for s := bufio.NewScanner(fromBridge); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		toBridge.Close()
		for range r.lines {
		}
		if err := <-r.over; err != nil {
			t.Errorf("Run: %v", err)
		}
		srv.CloseClientConnections()
		srv.Close()
	})
	return r
}

func (r *rig) send(line string) {
	r.t.Helper()
	if _, err := io.WriteString(r.in, line+"\n"); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) want(line string) {
	r.t.Helper()
	if got := r.line(); got != line {
		r.t.Errorf("the client got\n %s, want\n %s", got, line)
	}
}

// line returns what the client gets next.
func (r *rig) line() string {
	r.t.Helper()
	select {
	case got := <-r.lines:
		return got
	case <-time.After(20 * time.Second):
		r.t.Fatal("waited in vain for a line")
		return ""
	}
}

// parsed returns what a client posted.
func parsed(r *http.Request) message {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return message{}
	}
	m, _ := parse(body) // no message: the zero one
	return m
}

func answer(w http.ResponseWriter, id []byte, result string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"jsonrpc\":\"2.0\",\n\"id\":%s,\"result\":%s}", id, result)
}

func TestAnswersHaveTheClientsID(t *testing.T) {
	r := bridgeTo(t, func(w http.ResponseWriter, req *http.Request) {
		m := parsed(req)
		switch {
		case req.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusForbidden)
		case m.method == "json": // as an endpoint whose numbers are floats
			answer(w, []byte(`12345678901234567000`), `{"n":12345678901234567890}`)
		case m.method == "stream":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\ndata: \"method\":\"roots/list\"}\n\nevent: other\ndata: {}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}\n\n")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}`)
		}
	})
	r.send(`{"jsonrpc":"2.0","id":12345678901234567890,"method":"json"}`)
	r.want(`{"jsonrpc":"2.0", "id":12345678901234567890,"result":{"n":12345678901234567890}}`)
	r.send(`{"jsonrpc":"2.0","id":"\u0078","method":"stream"}`)
	r.want(`{"jsonrpc":"2.0","id":7, "method":"roots/list"}`)
	r.want(`{"jsonrpc":"2.0","id":"\u0078","result":{}}`)
	r.send(`{"jsonrpc":"2.0","id":1.0,"method":"bad"}`)
	r.want(`{"jsonrpc":"2.0","id":1.0,"error":{"code":-32600,"message":"no"}}`)
	r.send(`{"jsonrpc":`)
	r.want(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"That is not a JSON-RPC message on one line."}}`)
}

func TestOnlyWhatMayBeIsAskedTwice(t *testing.T) {
	var calls, lists atomic.Int32
	r := bridgeTo(t, func(w http.ResponseWriter, req *http.Request) {
		m := parsed(req)
		n := lists.Add(1)
		if m.method == "tools/call" {
			n = calls.Add(1)
		}
		if n == 1 {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		answer(w, m.id, `{}`)
	})
	r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`)
	r.want(`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"The connection to mcpproxy-tray was lost; the request may or may not have been carried out."}}`)
	lists.Store(0)
	r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	r.want(`{"jsonrpc":"2.0", "id":2,"result":{}}`)
	if calls.Load() != 1 || lists.Load() != 2 {
		t.Errorf("%d calls, %d lists", calls.Load(), lists.Load())
	}
}

func TestLostSessionIsOpenedAnew(t *testing.T) {
	var greetings, initialized atomic.Int32
	r := bridgeTo(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		m := parsed(req)
		session := fmt.Sprint("s", greetings.Load())
		switch {
		case m.method == "initialize":
			w.Header().Set("Mcp-Session-Id", fmt.Sprint("s", greetings.Add(1)))
			answer(w, m.id, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}`)
		case req.Header.Get("Mcp-Session-Id") != session || req.Header.Get("Mcp-Protocol-Version") != "2025-06-18":
			w.WriteHeader(http.StatusNotFound)
		case m.method == "notifications/initialized":
			initialized.Add(1)
			w.WriteHeader(http.StatusAccepted)
		case m.method == "lose":
			greetings.Add(100) // nobody's session any more
			answer(w, m.id, `{}`)
		default:
			answer(w, m.id, `{"session":"`+session+`"}`)
		}
	})
	r.send(`{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-06-18"}}`)
	r.want(`{"jsonrpc":"2.0", "id":"hello","result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}}`)
	r.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	r.send(`{"jsonrpc":"2.0","id":1,"method":"lose"}`)
	r.want(`{"jsonrpc":"2.0", "id":1,"result":{}}`)
	r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call"}`)
	r.want(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	r.want(`{"jsonrpc":"2.0", "id":2,"result":{"session":"s102"}}`)
	if initialized.Load() != 2 {
		t.Errorf("%d sessions were completed", initialized.Load())
	}
}

func TestCancelledRequestOfTheNewerRevisionIsHungUp(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	r := bridgeTo(t, func(w http.ResponseWriter, req *http.Request) {
		if m := parsed(req); m.method != "tools/call" || req.Header.Get("Mcp-Method") != "tools/call" || req.Header.Get("Mcp-Name") != "=?base64?w6k=?=" {
			t.Errorf("%s with %v", m.method, req.Header)
			return
		}
		close(begun)
		<-req.Context().Done()
		close(gone)
	})
	r.send(`{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"é","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
	<-begun
	r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}`)
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the stream was not closed")
	}
}

func TestBatchThatIsRefused(t *testing.T) {
	lost := make(chan struct{}, 1)
	r := bridgeTo(t, func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err == nil && bytes.Contains(body, []byte("lose")) {
			lost <- struct{}{}
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}`)
	})
	r.send(`[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":"b","method":"tools/list"}]`)
	r.want(`[{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"no batches"}},{"jsonrpc":"2.0","id":"b","error":{"code":-32600,"message":"no batches"}}]`)
	r.send(`[{"jsonrpc":"2.0","id":2,"method":"lose"}]`)
	<-lost
	r.want(`[{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"The connection to mcpproxy-tray was lost; the request may or may not have been carried out."}}]`)
}

// TestSessionIsOpenedAnewWhole has requests come while the client's session is opened
// anew, which is asked for what the client wanted in the old one.
func TestSessionIsOpenedAnewWhole(t *testing.T) {
	var greetings atomic.Int32
	reopening, goOn := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	var asked []string // in the second session
	r := bridgeTo(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		m := parsed(req)
		session := req.Header.Get("Mcp-Session-Id")
		switch {
		case m.method == "initialize":
			if greetings.Add(1) == 2 {
				close(reopening)
				<-goOn
			}
			w.Header().Set("Mcp-Session-Id", fmt.Sprint("s", greetings.Load()))
			answer(w, m.id, `{"protocolVersion":"2025-06-18","capabilities":{}}`)
			return
		case session == "":
			t.Errorf("%s without a session", m.method)
		case session == "s1" && greetings.Load() > 1, m.method == "first" && session == "s1": // the instance was started again
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if session == "s2" {
			mu.Lock()
			asked = append(asked, m.method+" "+m.name)
			mu.Unlock()
		}
		if m.id == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		answer(w, m.id, `{}`)
	})
	r.send(`{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-06-18"}}`)
	r.want(`{"jsonrpc":"2.0", "id":"hello","result":{"protocolVersion":"2025-06-18","capabilities":{}}}`)
	r.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	for i, m := range []string{`logging/setLevel","params":{"level":"info"}}`, `resources/subscribe","params":{"uri":"u:1"}}`, `resources/subscribe","params":{"uri":"u:2"}}`, `resources/unsubscribe","params":{"uri":"u:1"}}`} {
		r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":"w%d","method":"%s`, i, m))
		r.want(fmt.Sprintf(`{"jsonrpc":"2.0", "id":"w%d","result":{}}`, i))
	}
	r.send(`{"jsonrpc":"2.0","id":1,"method":"first"}`)
	<-reopening
	r.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x"}}`)
	close(goOn)
	got := map[string]bool{r.line(): true, r.line(): true}
	if !got[`{"jsonrpc":"2.0", "id":1,"result":{}}`] || !got[`{"jsonrpc":"2.0", "id":2,"result":{}}`] {
		t.Errorf("the client got %v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(asked)
	if want := []string{"first ", "logging/setLevel ", "notifications/initialized ", "resources/subscribe u:2", "tools/call x"}; !slices.Equal(asked, want) {
		t.Errorf("the new session was asked %q, want %q", asked, want)
	}
}

func TestNoInstance(t *testing.T) {
	began := time.Now()
	err := Run(t.Context(), Options{In: strings.NewReader(""), Out: io.Discard, Path: "/mcp", Wait: 300 * time.Millisecond,
		Find: func(context.Context) (string, string, error) { return "", "", ErrNoInstance }})
	if !errors.Is(err, ErrNoInstance) || time.Since(began) < 300*time.Millisecond {
		t.Errorf("Run = %v after %v", err, time.Since(began))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `[1]`, `{"id":1,"method":"ping"}`, `{"id":"\u0031","result":{}}`, `{"method":1}`, `{"method":"notifications/cancelled","params":{"requestId":{}}}`, `{"id":1,"method":"tools/call","params":{"name":1,"_meta":[]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := parse(line)
		if err != nil {
			return
		}
		if strings.ContainsAny(string(m.body), "\r\n") {
			t.Fatalf("%q became more than one line", line)
		}
		if m.id != nil {
			for member := range rawjson.Members(withID(failed(m.id, 1, "x"), m.id)) {
				if string(member.Key) == "id" && string(member.Value) != string(m.id) {
					t.Fatalf("%q: id %s became %s", line, m.id, member.Value)
				}
			}
		}
	})
}
