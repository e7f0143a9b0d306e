package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// dialling is a transport on which some requests find no connection.
type dialling struct {
	http.RoundTripper
	fails atomic.Pointer[func(method string) error]
}

func (d *dialling) RoundTrip(r *http.Request) (*http.Response, error) {
	if fails := d.fails.Load(); fails != nil && r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var m struct{ Method string }
		_ = json.Unmarshal(body, &m) // ours
		if err := (*fails)(m.Method); err != nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
	}
	return d.RoundTripper.RoundTrip(r)
}

// only fails requests of some methods.
func only(err error, methods ...string) *func(string) error {
	fails := func(method string) error {
		if slices.Contains(methods, method) {
			return err
		}
		return nil
	}
	return &fails
}

func TestOneFailedRequestEndsOnlyItself(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails *func(string) error
		want  *Entry
		asked int32 // signs of life that reached the server
		ends  bool
	}{
		{"one is refused", only(syscall.ECONNREFUSED, "tools/call"), pRefused, 1, false},
		{"one has no name", only(&net.DNSError{Name: "server", IsTemporary: true}, "tools/call"), pDNS, 1, false},
		{"one is cut", only(io.EOF, "tools/call"), pCut, 1, false},
		{"all are refused", only(syscall.ECONNREFUSED, "tools/call", methodPing), pRefused, 0, true},
		{"all are cut", only(syscall.ECONNRESET, "tools/call", methodPing), pCut, 0, true},
		{"no files are left", only(syscall.EMFILE, "tools/call", methodPing), pUnreachable, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begun, released := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(released) })
			o := &oddHTTP{call: func(w http.ResponseWriter, id string, _ *http.Request) {
				begun <- struct{}{}
				<-released
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
			}}
			defer release() // or the server would wait for its handlers
			c := testConnector()
			d := &dialling{RoundTripper: newTransport()}
			c.Transport = d
			s := connect(t, c, remoteAt(serveHTTP(t, o).URL, "http"))
			other := make(chan error, 1)
			go func() {
				_, _, err := ask(t.Context(), s, "tools/call", nil)
				other <- err
			}()
			await(t, begun, "another call to be under way")
			d.fails.Store(tt.fails)
			if _, _, err := ask(t.Context(), s, "tools/call", nil); !hasEntry(err, tt.want) {
				t.Errorf("error = %v, want %s", err, tt.want.Code)
			}
			if tt.ends {
				began := time.Now()
				wantProblem(t, ended(t, s), tt.want.Code, "network")
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v to notice", took)
				}
			}
			waitFor(t, "a sign of life", func() bool { return o.pinged.Load() == tt.asked && !s.remote.doubted() })
			release()
			if err := await(t, other, "the other call"); err != nil && !tt.ends {
				t.Errorf("the other call: %v", err)
			}
			if err := s.wire.cause(); (err != nil) != tt.ends {
				t.Errorf("the session ended: %v", err)
			}
		})
	}
}

func TestManyFailedRequestsAskOnce(t *testing.T) {
	var asked atomic.Int32
	r := &remote{wire: quietWire(t), limits: testTimeouts.withDefaults()}
	answered := make(chan error)
	r.settle(func(ctx context.Context) error {
		asked.Add(1)
		select {
		case err := <-answered:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	for range 100 {
		_ = r.give(message{method: "tools/call"}, pRefused.with("server"))
	}
	answered <- nil
	waitFor(t, "the doubt to go", func() bool { return !r.doubted() })
	_ = r.give(message{method: "tools/call"}, pRefused.with("server"))
	if err := r.wire.cause(); err != nil {
		t.Fatal(err)
	}
	answered <- fmt.Errorf("ping: %w", unsent(pRefused.with("server")))
	<-r.wire.life.Done()
	if err := r.wire.cause(); !hasEntry(err, pRefused) || isUnsent(err) || asked.Load() != 2 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	r.wire.calls.Wait()
}

// A server that does not answer in time is for others to judge: it may be busy.
func TestSlowSignOfLifeEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{wire: quietWire(t), limits: Timeouts{}.withDefaults()}
		r.settle(func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		_ = r.give(message{method: "tools/call"}, pCut.with("server"))
		time.Sleep(time.Hour)
		if err := r.wire.cause(); err != nil || r.doubted() {
			t.Errorf("the session ended: %v", err)
		}
		r.wire.calls.Wait()
	})
}
