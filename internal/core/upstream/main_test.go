package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/guard"
	"mcpproxy-tray/internal/stateview"
)

// modeVariable turns the test binary into an MCP server of that mode.
const modeVariable = "UPSTREAM_TEST_MODE"

// programs are modes in which the test binary is no server.
var programs = map[string]func() error{"measure": measure}

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeVariable); mode != "" {
		serve(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// serve is the main function of the servers. Modes of the library's server are
// "sdk" (both eras) and "sdknosy"; all others are written by hand, see raw_test.go.
func serve(mode string) {
	if strings.HasPrefix(mode, "sdk") {
		srv := sdkServer()
		if mode == "sdknosy" {
			addNosy(srv)
		}
		if err := srv.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			log.Print(err)
		}
		return
	}
	if run := programs[mode]; run != nil {
		if err := run(); err != nil {
			log.Fatal(err)
		}
		return
	}
	if strings.HasPrefix(mode, "both") {
		serveBoth(mode)
		return
	}
	serveRaw(mode)
}

// sdkServer has tools named echo, and grow, which adds a tool.
func sdkServer() *mcp.Server {
	srv := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	type text struct {
		Text string `json:"text"`
	}
	mcp.AddTool(srv, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest, in text) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil, nil
	})
	mcp.AddTool(srv, &mcp.Tool{Name: "grow"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		mcp.AddTool(srv, &mcp.Tool{Name: "grown"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{}, nil, nil
		})
		return &mcp.CallToolResult{}, nil, nil
	})
	return srv
}

// testTimeouts are short enough for tests and long enough for a loaded machine.
var testTimeouts = Timeouts{
	Start: 20 * time.Second, Probe: 300 * time.Millisecond,
	StopInput: 300 * time.Millisecond, StopAsk: 300 * time.Millisecond,
}

func testConnector() *Connector {
	return &Connector{Processes: guard.New(), Version: "test", Timeouts: testTimeouts}
}

// childOf returns an entry that runs the test binary as a server.
func childOf(mode string) config.Server {
	return config.Server{
		Name: mode, Command: os.Args[0], Transport: "stdio",
		Env: map[string]string{modeVariable: mode},
	}
}

func remoteAt(url, transport string) config.Server {
	return config.Server{Name: "remote", URL: url, Transport: transport}
}

func connect(tb testing.TB, c *Connector, srv config.Server) *Session {
	tb.Helper()
	s, err := c.Connect(tb.Context(), srv)
	if err != nil {
		tb.Fatalf("Connect(%s): %v", srv.Name, err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

// result returns the result of a request that must succeed.
func result(tb testing.TB, s *Session, method, params string) string {
	tb.Helper()
	answer, rpcErr, err := ask(tb.Context(), s, method, json.RawMessage(params))
	if err != nil || rpcErr != nil {
		tb.Fatalf("Request(%s) = %s, %v", method, rpcErr, err)
	}
	return string(answer)
}

// ask makes a request of nobody.
func ask(ctx context.Context, s *Session, method string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	return s.Request(ctx, call.Request{Method: method, Params: params})
}

func toolNames(tb testing.TB, s *Session) []string {
	tb.Helper()
	tools, err := s.Tools(tb.Context())
	if err != nil {
		tb.Fatalf("Tools: %v", err)
	}
	names := []string{}
	for _, t := range tools {
		names = append(names, t.Name)
	}
	return names
}

// wantProblem checks the code and class of an error and that its words are fit for people.
func wantProblem(tb testing.TB, err error, code, class string) stateview.Problem {
	tb.Helper()
	e, ok := errors.AsType[interface {
		error
		Problem() stateview.Problem
		Class() string
	}](err)
	if !ok {
		tb.Fatalf("%v has no Problem", err)
	}
	p := e.Problem()
	if p.Code != code || e.Class() != class {
		tb.Errorf("problem %s of class %s, want %s of %s (%v)", p.Code, e.Class(), code, class, err)
	}
	if p.Text == "" || p.Hint == "" || p.Action == "" {
		tb.Errorf("problem %+v is not complete", p)
	}
	return p
}

// await receives from ch, or fails after a time no machine needs.
func await[T any](tb testing.TB, ch <-chan T, what string) (v T) {
	tb.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		tb.Fatal("waited in vain for " + what)
	}
	return v
}

// ended waits for the session's end and returns why.
func ended(tb testing.TB, s *Session) error {
	tb.Helper()
	ch := make(chan error, 1)
	go func() { ch <- s.Wait() }()
	return await(tb, ch, "the session's end")
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
