package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serveTLS serves h over HTTP/2 and returns a transport that trusts it.
func serveTLS(t *testing.T, h http.Handler) (*httptest.Server, *http.Transport) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	rt := newTransport()
	rt.TLSClientConfig = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	t.Cleanup(rt.CloseIdleConnections)
	return srv, rt
}

// drop ends a connection without an answer, by FIN or RST.
func drop(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if reset {
		_ = conn.(*net.TCPConn).SetLinger(0) // only makes Close send RST
	}
	conn.Close()
}

func TestConnectionCutInTheMiddleOfACall(t *testing.T) {
	for _, tt := range []struct {
		name  string
		want  *Entry
		begin string // of the answer, before the cut
		reset bool
	}{
		{"FIN before", pCut, "", false},
		{"RST before", pCut, "", true},
		{"FIN in JSON", pNoAnswer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"jsonrpc\"", false},
		{"RST in JSON", pNoAnswer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"jsonrpc\"", true},
		{"FIN in a stream", pNoAnswer, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {", false},
		{"RST in a stream", pNoAnswer, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {", true},
		{"no HTTP", pNotMCP, "SSH-2.0-OpenSSH_9.6\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const calls = 20
			var asked atomic.Int32
			var begun sync.WaitGroup
			begun.Add(calls)
			cut := make(chan struct{})
			o := &oddHTTP{call: func(w http.ResponseWriter, id string, _ *http.Request) {
				asked.Add(1)
				begun.Done()
				<-cut
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				_, _ = io.WriteString(conn, tt.begin) // the client sees what arrives
				if tt.reset {
					_ = conn.(*net.TCPConn).SetLinger(0) // only makes Close send RST
				}
				conn.Close()
			}}
			s := connect(t, testConnector(), remoteAt(serveHTTP(t, o).URL, "http"))
			errs := make(chan error, 2*calls)
			var wg sync.WaitGroup
			for range calls {
				wg.Go(func() {
					_, _, err := ask(context.Background(), s, "tools/call", nil)
					errs <- err
				})
			}
			begun.Wait()
			began := time.Now()
			close(cut)
			wg.Wait()
			took := time.Since(began)
			close(errs)
			for err := range errs {
				// A reset may overtake what was written before it.
				if !hasEntry(err, tt.want) && !(tt.reset && hasEntry(err, pCut)) {
					t.Errorf("error = %v, want %s", err, tt.want.Code)
				}
			}
			if took > time.Second || asked.Load() != calls {
				t.Errorf("%d requests for %d calls, answered within %v", asked.Load(), calls, took)
			}
			if s.wire.cause() != nil {
				t.Errorf("the session ended: %v", s.wire.cause())
			}
		})
	}
}

func TestConnectionThatIsAboutToClose(t *testing.T) {
	var seen sync.Map // remote address → struct{}: connections that were used
	var lists, calls atomic.Int32
	inner := &oddHTTP{call: func(w http.ResponseWriter, id string, _ *http.Request) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}`, id)
	}}
	var racing atomic.Bool
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, again := seen.LoadOrStore(r.RemoteAddr, struct{}{})
		if racing.Load() && r.Method == http.MethodPost {
			var m struct{ Method string }
			body, _ := io.ReadAll(r.Body)
			_ = json.Unmarshal(body, &m) // ours
			switch m.Method {
			case "tools/list":
				lists.Add(1)
			case "tools/call":
				calls.Add(1)
			}
			if again { // as a server does whose keep-alive time is over
				drop(w, true)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		inner.ServeHTTP(w, r)
	})
	s := connect(t, testConnector(), remoteAt(serveHTTP(t, h).URL, "http"))
	racing.Store(true)
	for range 5 {
		if _, err := s.Tools(t.Context()); err != nil {
			t.Fatalf("a list that met such a connection: %v", err)
		}
	}
	if lists.Load() <= 5 {
		t.Fatalf("%d requests for 5 lists: no connection was used twice", lists.Load())
	}
	_, _, err := ask(t.Context(), s, "tools/call", nil)
	wantProblem(t, err, "MPT-NET-CUT", "network")
	if calls.Load() != 1 {
		t.Errorf("a call was sent %d times", calls.Load())
	}
}

func TestServerThatSaysGoAway(t *testing.T) {
	var calls atomic.Int32
	var conns sync.Map
	inner := &oddHTTP{call: func(w http.ResponseWriter, id string, r *http.Request) {
		calls.Add(1)
		conns.Store(r.RemoteAddr, struct{}{})
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
			return
		}
		w.Header().Set("Connection", "close") // HTTP/2: GOAWAY after this answer
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	}}
	srv, rt := serveTLS(t, inner)
	c := testConnector()
	c.Transport = rt
	s := connect(t, c, remoteAt(srv.URL, "http"))
	const total = 200
	errs := make(chan error, total)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range total / 4 {
				_, rpcErr, err := ask(t.Context(), s, "tools/call", nil)
				if rpcErr != nil {
					err = fmt.Errorf("%s", rpcErr)
				}
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	failed := 0
	for err := range errs {
		if err != nil {
			failed++
			t.Log(err)
		}
	}
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if failed > 0 || calls.Load() != total || n < 2 {
		t.Errorf("%d of %d calls failed; the server saw %d on %d connections", failed, total, calls.Load(), n)
	}
}

// A relayer passes bytes between a client and a server until it is told to go
// deaf: then it swallows them, as a network does whose other end is gone.
type relayer struct {
	net.Listener
	to   string
	deaf atomic.Bool
	wg   sync.WaitGroup
}

func newRelayer(t *testing.T, to string) *relayer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relayer{Listener: l, to: to}
	r.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			r.wg.Go(func() { r.copy(s, c) })
			r.wg.Go(func() { r.copy(c, s) })
			context.AfterFunc(t.Context(), func() { c.Close(); s.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); r.wg.Wait() })
	return r
}

func (r *relayer) copy(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			if !r.deaf.Load() {
				dst.Close()
			}
			return
		}
		if !r.deaf.Load() {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

func TestPeerThatVanishedIsFoundByPings(t *testing.T) {
	begun := make(chan struct{})
	o := &oddHTTP{call: func(_ http.ResponseWriter, _ string, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}}
	srv, rt := serveTLS(t, o)
	if ask, wait := rt.HTTP2.SendPingTimeout, rt.HTTP2.PingTimeout; ask <= 0 || wait <= 0 || ask+wait > 45*time.Second {
		t.Errorf("asked after %v and found after %v more", ask, wait)
	}
	rt.HTTP2.SendPingTimeout, rt.HTTP2.PingTimeout = 200*time.Millisecond, 200*time.Millisecond
	relay := newRelayer(t, srv.Listener.Addr().String())
	c := testConnector()
	c.Transport = rt
	s := connect(t, c, remoteAt("https://"+relay.Addr().String(), "http"))
	failed := make(chan error, 1)
	go func() {
		_, _, err := ask(context.Background(), s, "tools/call", nil)
		failed <- err
	}()
	await(t, begun, "the call")
	relay.deaf.Store(true)
	began := time.Now()
	wantProblem(t, await(t, failed, "the call to fail"), "MPT-NET-CUT", "network")
	t.Logf("found after %v", time.Since(began))
	relay.deaf.Store(false)
}

func TestRevisionThatIsAskedFor(t *testing.T) {
	for revision, want := range map[string]string{"": firstModern, "2026-07-28": firstModern, "2025-11-25": "2025-11-25"} {
		srv := childOf("both+modern")
		srv.Revision = revision
		if s := connect(t, patient(), srv); s.protocol != want {
			t.Errorf("asked for %q the session is of %s", revision, s.protocol)
		}
	}
}
