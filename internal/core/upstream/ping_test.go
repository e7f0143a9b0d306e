package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestPing(t *testing.T) {
	server := sdkServer()
	old := mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
	c := testConnector()
	for mode, protocol := range map[string]string{"sdk": firstModern, "modern": firstModern, "old": "2025-06-18", "old+noping": "2025-06-18"} {
		t.Run(mode, func(t *testing.T) {
			c := testConnector()
			if protocol == firstModern {
				c.Timeouts.Probe = 20 * time.Second // however busy the machine is
			}
			s := connect(t, c, childOf(mode))
			if s.protocol != protocol {
				t.Fatalf("protocol = %s", s.protocol)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for name, tt := range map[string]struct {
		transport string
		handler   http.Handler
	}{"stateless": {"http", sdkHandler(true)}, "stateful": {"http", sdkHandler(false)}, "sse": {"sse", old}} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, c, remoteAt(serveHTTP(t, tt.handler).URL, tt.transport))
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPingIsWhatTheRevisionHas(t *testing.T) {
	// The library's server refuses what its revision lacks, so an answer
	// without an error proves that the right thing was asked.
	for _, stateless := range []bool{true, false} {
		s := connect(t, testConnector(), remoteAt(serveHTTP(t, sdkHandler(stateless)).URL, "http"))
		if got := result(t, s, s.pingMethod(), ""); stateless != strings.Contains(got, "supportedVersions") {
			t.Errorf("stateless %v: %s", stateless, got)
		}
	}
}

func TestPingOfAServerThatIsHung(t *testing.T) {
	c := testConnector()
	c.Timeouts.Probe = 20 * time.Second // an answer to discover that comes later would be a sign of life
	s := connect(t, c, childOf("old+deaf"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ping = %v, want the deadline", err)
	}
	if s.wire.cause() != nil {
		t.Error("a ping without an answer ended the session")
	}
}

func TestPingOfAServerThatSaysSomethingElse(t *testing.T) {
	s := connect(t, testConnector(), childOf("old+deaf+chirps"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestPingOfAServerThatIsGone(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	s.Close()
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed session answered")
	}
}

func TestPingRefusedByStatus(t *testing.T) {
	for code, alive := range map[int]bool{400: true, 403: true, 405: true, 429: true, 500: false, 502: false} {
		o := &oddHTTP{refuses: true, call: func(w http.ResponseWriter, _ string, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(code)
			fmt.Fprint(w, "no")
		}}
		s := connect(t, testConnector(), remoteAt(serveHTTP(t, o).URL, "http"))
		if err := s.Ping(t.Context()); (err == nil) != alive {
			t.Errorf("%d: Ping = %v", code, err)
		}
	}
}
