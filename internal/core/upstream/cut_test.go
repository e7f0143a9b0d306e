package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A transport answers requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, kind string, body io.Reader) (*http.Response, error) {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1",
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(body),
	}, nil
}

// cutBody ends with an error after n bytes.
type cutBody struct {
	r io.Reader
	n int
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.r.Read(p[:min(len(p), b.n)])
	b.n -= n
	return n, err
}

// remoteWire returns a remote without a handshake, of the given revision.
func remoteWire(t *testing.T, protocol string, rt http.RoundTripper) *wire {
	t.Helper()
	w := quietWire(t)
	c := &Connector{Transport: rt}
	if _, err := c.newRemote(remoteAt("http://server.test/mcp", "http"), w); err != nil {
		t.Fatal(err)
	}
	w.protocol.Store(&protocol)
	return w
}

// longStream is an answer of about 4 kB: notes of all kinds, then the result.
func longStream(id string) (events []string) {
	for i := range 24 {
		events = append(events, fmt.Sprintf("id: %d\r\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\r\ndata: \"params\":{\"progressToken\":\"é\U0001f600\",\"progress\":%d,\"message\":\"…日本語…\"}}\r\n\r\n", i, i))
	}
	return append(events, fmt.Sprintf("id: 24\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", id, oddResult))
}

// cutServer answers a call with a stream that is cut after n bytes, and then with the rest.
type cutServer struct {
	n       int
	events  []string
	asked   int
	resumed []string
}

func (s *cutServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		s.asked++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_, id, _ := strings.Cut(string(body), `"id":`)
		s.events = longStream(id[:strings.IndexByte(id, ',')])
		return respond(200, "text/event-stream", &cutBody{strings.NewReader(strings.Join(s.events, "")), s.n})
	}
	last := r.Header.Get("Last-Event-ID")
	s.resumed = append(s.resumed, last)
	at, err := strconv.Atoi(last)
	if err != nil {
		return nil, err
	}
	return respond(200, "text/event-stream", strings.NewReader(strings.Join(s.events[at+1:], "")))
}

func TestStreamCutAfterEachByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the pauses before a resume take no time
		size := len(strings.Join(longStream(`"r1"`), ""))
		if size < 4096 {
			t.Fatalf("the stream has only %d bytes", size)
		}
		firstEnd := len(longStream("")[0])
		for n := 1; n <= size; n++ {
			server := &cutServer{n: n}
			w := remoteWire(t, "2025-11-25", server)
			r, err := w.request(t.Context(), "tools/call", nil)
			switch {
			case n < firstEnd: // nothing to resume from
				if !hasEntry(err, pNoAnswer) || w.received.Load() != 0 {
					t.Fatalf("cut after %d: %v, %d messages", n, err, w.received.Load())
				}
			case err != nil || string(r.result) != oddResult:
				t.Fatalf("cut after %d: %v, %s", n, err, r.result)
			case w.received.Load() != 25 || w.counts.read() != Counts{}:
				t.Fatalf("cut after %d: %d messages, %+v, resumed after %q", n, w.received.Load(), w.counts.read(), server.resumed)
			}
			if server.asked != 1 {
				t.Fatalf("cut after %d: the call was sent %d times", n, server.asked)
			}
			w.end(errClosed)
			w.calls.Wait()
		}
	})
}

func TestStreamOfTheNewRevisionIsNotResumed(t *testing.T) {
	for n := 1; n < 4096; n += 97 {
		server := &cutServer{n: n}
		w := remoteWire(t, firstModern, server)
		if _, err := w.request(t.Context(), "tools/call", nil); !hasEntry(err, pNoAnswer) || len(server.resumed) > 0 || server.asked != 1 {
			t.Fatalf("cut after %d: %v, resumed %q, asked %d times", n, err, server.resumed, server.asked)
		}
	}
}

func TestJSONCutAfterEachByte(t *testing.T) {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":"r1","result":%s}`, oddResult)
	for n := range len(body) {
		for _, end := range []error{io.EOF, io.ErrUnexpectedEOF} {
			w := remoteWire(t, firstModern, transport(func(*http.Request) (*http.Response, error) {
				if end == io.EOF {
					return respond(200, "application/json", strings.NewReader(body[:n]))
				}
				return respond(200, "application/json", &cutBody{strings.NewReader(body), n})
			}))
			if r, err := w.request(t.Context(), "tools/call", nil); !hasEntry(err, pNoAnswer) {
				t.Fatalf("cut after %d: %v, %s", n, err, r.result)
			}
		}
	}
}

func TestBodyThatPausesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			every time.Duration
			kind  string
			ok    bool
		}{
			{"slow", idleTime - time.Second, "application/json", true},
			{"too slow", idleTime + time.Second, "application/json", false},
			{"stream", time.Hour, "text/event-stream", true},
		} {
			body := `{"jsonrpc":"2.0","id":"r1","result":{}}`
			if tt.kind != "application/json" {
				body = "data: " + body + "\n\n"
			}
			var gone context.Context
			w := remoteWire(t, firstModern, transport(func(r *http.Request) (*http.Response, error) {
				gone = r.Context()
				return respond(200, tt.kind, &slowBody{body, tt.every, gone})
			}))
			_, err := w.request(t.Context(), "tools/call", nil)
			if tt.ok && err != nil || !tt.ok && !hasEntry(err, pNetTimeout) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if gone.Err() == nil {
				t.Errorf("%s: the request was not let go", tt.name)
			}
		}
	})
}

// A slowBody gives a few bytes now and then, until ctx ends.
type slowBody struct {
	text  string
	every time.Duration
	ctx   context.Context
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, io.EOF
	}
	select {
	case <-time.After(b.every):
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	}
	n := copy(p[:min(len(p), 10)], b.text)
	b.text = b.text[n:]
	return n, nil
}

func TestRestOfAnAnswerHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := remoteWire(t, firstModern, transport(func(r *http.Request) (*http.Response, error) {
			return respond(202, "text/plain", &slowBody{strings.Repeat("x", 4<<10), time.Second, r.Context()})
		}))
		began := time.Now()
		if err := w.carrier.send(t.Context(), message{body: []byte("{}"), method: "notifications/initialized"}); err != nil || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestHeadersOfACallMayComeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := remoteWire(t, firstModern, transport(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Hour):
				return respond(200, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":"r1","result":{}}`))
			case <-r.Context().Done():
				return nil, context.Cause(r.Context())
			}
		}))
		if _, err := w.request(t.Context(), "tools/call", nil); err != nil {
			t.Error(err)
		}
		for _, method := range []string{methodPing, "tools/list", methodDiscover, "initialize"} {
			began := time.Now()
			if _, err := w.request(t.Context(), method, nil); !hasEntry(err, pNetTimeout) || time.Since(began) != 10*time.Second {
				t.Errorf("%s: %v after %v", method, err, time.Since(began))
			}
		}
		err := w.carrier.send(t.Context(), message{body: []byte("{}"), method: "notifications/initialized"})
		if !hasEntry(err, pNetTimeout) {
			t.Errorf("notification: %v", err)
		}
		if w.cause() != nil {
			t.Errorf("the session ended: %v", w.cause())
		}
	})
}

func TestEventOfEndlessLinesIsRefused(t *testing.T) {
	for name, line := range map[string]string{"data": "data: xxxxxxxx\n", "one line": "xxxxxxxx", "data on one line": "data: xxxxxx"} {
		er := newEventReader(&floodReader{line: []byte(line), n: 1 << 20}, 1<<20)
		if err := er.each(func(event) bool { return true }); !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzEvents checks that how a stream arrives makes no difference, and that a
// stream that was cut goes on where it was.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(strings.Join(longStream("1")[:3], "")), 100, uint8(3))
	f.Add([]byte("id: 1\ndata: a\n\nid: 2\nda"), 20, uint8(1))
	f.Add([]byte("data\n\ndata:\n\n:c\nevent: x\ndata: 1\ndata: 2\n\n\n"), 9, uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, cut int, step uint8) {
		read := func(er *eventReader) (all []event) {
			_ = er.each(func(e event) bool { all = append(all, e); return true }) // it always ends with an error
			return all
		}
		whole := newEventReader(strings.NewReader(string(stream)), 1<<20)
		want := read(whole)
		er := newEventReader(&stepReader{stream, int(step) + 1}, 1<<20)
		if got := read(er); fmt.Sprint(got) != fmt.Sprint(want) || er.lastID != whole.lastID {
			t.Fatalf("in steps %q, at once %q", got, want)
		}
		if cut < 0 || cut > len(stream) {
			return
		}
		er = newEventReader(strings.NewReader(string(stream[:cut])), 1<<20)
		if got := read(er); len(got) > len(want) || fmt.Sprint(got) != fmt.Sprint(want[:len(got)]) {
			t.Fatalf("cut after %d: %q, want the beginning of %q", cut, got, want)
		}
	})
}
