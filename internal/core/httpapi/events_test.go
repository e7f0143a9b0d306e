package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// An event is one server-sent event.
type event struct {
	name, id, data, retry string
}

// nextEvent reads one event; a comment is an event without a name.
func nextEvent(t testing.TB, r *bufio.Reader) event {
	t.Helper()
	var e event
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("stream ended: %v", err)
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "retry":
			e.retry = value
		case "":
			return e
		}
	}
}

// follow opens a stream over conn and returns its reader behind the header.
func follow(t testing.TB, conn net.Conn, host string) *bufio.Reader {
	t.Helper()
	return followFrom(t, conn, host, "", "")
}

// followFrom is follow, of a reader that has read up to an event of a run.
func followFrom(t testing.TB, conn net.Conn, host, run, last string) *bufio.Reader {
	t.Helper()
	raw := "GET /api/v1/events" + run + " HTTP/1.0\r\nHost: " + host + "\r\nAuthorization: Bearer " + adminToken + "\r\n" + last + "\r\n" // 1.0: not chunked
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v, %v", res, err)
	}
	if first := nextEvent(t, r); first != (event{retry: "1000"}) {
		t.Fatalf("the stream begins with %+v", first)
	}
	return r
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

func TestEventsFollowTheView(t *testing.T) {
	s, _, addr := serve(t)
	r := follow(t, dial(t, addr), addr)
	first := nextEvent(t, r)
	if want := strings.TrimSpace(string(s.cache.servers(s.opt.View.Snapshot()))); first != (event{name: "snapshot", id: "1", data: want}) {
		t.Fatalf("first = %+v", first)
	}
	for i, c := range []struct {
		do   func()
		want string
	}{
		{func() { s.opt.View.RemoveServer("old") }, `{"version":2,"removed":"old"}`},
		{func() {
			s.opt.View.UpdateServer("a", func(st *stateview.ServerStatus) { st.State = stateview.Failed })
		}, `{"version":3,"server":{"name":"a","state":"failed","enabled":false,"tools":{"total":0,"approved":0,"held":0},"version":3}}`},
	} {
		c.do()
		if got := nextEvent(t, r); got != (event{name: "change", id: strconv.Itoa(i + 2), data: c.want}) {
			t.Errorf("got %+v, want %s", got, c.want)
		}
	}
}

// TestStuckReaderDelaysNobody has readers that never read while the view
// changes until their sockets are full.
func TestStuckReaderDelaysNobody(t *testing.T) {
	s, _, addr := serve(t)
	for range 20 {
		follow(t, dial(t, addr), addr)
	}
	honest := follow(t, dial(t, addr), addr)
	nextEvent(t, honest)
	filler := strings.Repeat("x", 64<<10)
	var worst time.Duration
	for i := range 300 { // 19 MB, far more than a socket holds
		start := time.Now()
		s.opt.View.UpdateServer("busy", func(st *stateview.ServerStatus) {
			st.Attempt = i + 1
			st.SetProblem(stateview.Problem{Code: "MPT-X", Text: filler})
		})
		var doc changeJSON
		if err := json.Unmarshal([]byte(nextEvent(t, honest).data), &doc); err != nil || doc.Server.Attempt != i+1 {
			t.Fatalf("change %d: %+v, %v", i, doc.Server, err)
		}
		worst = max(worst, time.Since(start))
	}
	if worst > 2*time.Second {
		t.Errorf("slowest event took %v", worst)
	}
	t.Logf("slowest event took %v", worst)
}

// pipeListener hands out in-memory connections, which know deadlines.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l pipeListener) Close() error   { close(l.conns); return nil }
func (l pipeListener) Addr() net.Addr { return testAddr }

// bubble runs f with a server on in-memory connections and a fake clock.
func bubble(t *testing.T, f func(t *testing.T, s *Server, connect func() net.Conn), change ...func(*Options)) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTest(change...)
		ln := pipeListener{make(chan net.Conn)}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Serve(ctx, ln); err != nil {
				t.Errorf("Serve() = %v", err)
			}
		})
		f(t, s, func() net.Conn {
			ours, theirs := net.Pipe()
			ln.conns <- theirs
			return ours
		})
		start := time.Now()
		cancel()
		wg.Wait()
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("shutdown took %v", d)
		}
	})
}

func TestHeartbeatOnlyWhenQuiet(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, connect func() net.Conn) {
		conn := connect()
		defer conn.Close()
		r := follow(t, conn, testAddr.String())
		nextEvent(t, r)
		start := time.Now()
		for i := range 3 {
			if e := nextEvent(t, r); e.name != "" || time.Since(start) != time.Duration(i+1)*heartbeat {
				t.Errorf("%+v after %v", e, time.Since(start))
			}
		}
		time.Sleep(heartbeat / 2)
		s.opt.View.RemoveServer("old")
		if e := nextEvent(t, r); e.name != "change" {
			t.Errorf("%+v", e)
		}
		start = time.Now()
		if e := nextEvent(t, r); e.name != "" || time.Since(start) != heartbeat {
			t.Errorf("%+v %v after a change", e, time.Since(start))
		}
	})
}

// TestSlowReaderSkipsToNewest: what happened while a reader did not read is one
// event with the newest state; one that reads nothing for long is cut.
func TestSlowReaderSkipsToNewest(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, connect func() net.Conn) {
		conn := connect()
		defer conn.Close()
		r := follow(t, conn, testAddr.String())
		nextEvent(t, r)
		set := func(n int) {
			s.opt.View.UpdateServer("busy", func(st *stateview.ServerStatus) { st.Attempt = n })
			synctest.Wait()
		}
		for n := range 50 {
			set(n + 1) // the first one blocks in the pipe, the others are skipped
		}
		for _, want := range []int{1, 50} {
			var doc changeJSON
			skipped := uint64(0)
			if want == 50 {
				skipped = 48
			}
			if err := json.Unmarshal([]byte(nextEvent(t, r).data), &doc); err != nil || doc.Server.Attempt != want || doc.Version != uint64(want)+1 || doc.Skipped != skipped {
				t.Errorf("got %+v, want attempt %d", doc, want)
			}
		}
		set(51)
		time.Sleep(writeLimit + time.Second)
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			t.Errorf("the stream was not cut: %q, %v", rest, err)
		}
	})
}

// TestSlowBodyIsRefused: a body must come within its time; a call may take longer.
func TestSlowBodyIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, connect func() net.Conn) {
		conn := connect()
		defer conn.Close()
		head := fmt.Sprintf("POST /api/v1/servers HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{", testAddr, adminToken)
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || time.Since(start) != bodyTimeout {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		wantError(t, "slow body", res, 408, "MPT-HTTP-SLOW")
	})
}

func TestCallMayTakeLongerThanItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTest(func(o *Options) {
			o.MCP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				select {
				case <-time.After(10 * bodyTimeout):
					_, _ = w.Write(b)
				case <-r.Context().Done():
					http.Error(w, "cancelled", 499)
				}
			})
		})
		ln := pipeListener{make(chan net.Conn)}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Serve(ctx, ln) })
		conn, theirs := net.Pipe()
		ln.conns <- theirs
		if _, err := fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\nhi", testAddr, clientToken); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := bodyOf(t, res); res.StatusCode != 200 || body != "hi" {
			t.Errorf("%s %q", res.Status, body)
		}
		conn.Close()
		cancel()
		wg.Wait()
	})
}

func TestShutdownEndsStreams(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	blocked := make(chan struct{})
	s, _ := newTest(func(o *Options) {
		o.Addr = ln.Addr()
		o.MCP = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(blocked)
			<-r.Context().Done()
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	r := follow(t, dial(t, ln.Addr().String()), ln.Addr().String())
	nextEvent(t, r)
	hung := dial(t, ln.Addr().String()) // a call that would never end
	if _, err := fmt.Fprintf(hung, "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", ln.Addr(), clientToken); err != nil {
		t.Fatal(err)
	}
	<-blocked
	start := time.Now()
	cancel()
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the stream ended with %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve() = %v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("shutdown took %v", d)
	}
}
