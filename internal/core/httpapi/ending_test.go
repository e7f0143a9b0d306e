package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestServeWaitsForHandlers: what they use is closed once Serve has returned. One that
// does not end at all is not waited for.
func TestServeWaitsForHandlers(t *testing.T) {
	for _, c := range []struct {
		lasts time.Duration // after its connection was cut
		want  bool
	}{{100 * time.Millisecond, true}, {time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			var ended atomic.Bool
			s, _ := newTest(func(o *Options) {
				o.MCP = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					time.Sleep(c.lasts)
					ended.Store(true)
				})
			})
			ln := pipeListener{make(chan net.Conn)}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = s.Serve(ctx, ln) })
			conn, theirs := net.Pipe()
			ln.conns <- theirs
			if _, err := fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", testAddr, clientToken); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			start := time.Now()
			cancel()
			wg.Wait()
			if took := time.Since(start); ended.Load() != c.want || took > 2*time.Second {
				t.Errorf("a handler that lasts %v has ended: %v, after %v", c.lasts, ended.Load(), took)
			}
			time.Sleep(time.Minute) // until the other one has ended, too
		})
	}
}

// TestPanicInTheMiddleCutsTheConnection: an answer that has begun must not look whole.
func TestPanicInTheMiddleCutsTheConnection(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"written": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"a":1`) },
		"flushed": func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"header":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
	} {
		_, _, addr := serve(t, func(o *Options) {
			o.MCP = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				begin(w)
				panic("broken")
			})
		})
		conn := dial(t, addr)
		if _, err := fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", addr, clientToken); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			continue // cut before anything was sent
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: the client takes %s %q for the whole answer", name, res.Status, body)
		}
	}
}

// TestPanicAfterAnEarlyHint: an informational answer is not the answer.
func TestPanicAfterAnEarlyHint(t *testing.T) {
	_, _, addr := serve(t, func(o *Options) {
		o.MCP = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			panic("broken")
		})
	})
	conn := dial(t, addr)
	if _, err := fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", addr, clientToken); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusEarlyHints {
		t.Fatal(res, err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "panic", res, 500, "MPT-INTERNAL")
}
