//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// bridged connects a client of the library through the bridge, in the way of a revision;
// empty: the newest.
func bridged(t *testing.T, home, revision string, changed func(), args ...string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "stdio-only", Version: "1"}, &mcp.ClientOptions{
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { changed() },
	})
	cmd := command(t, home, nil, append([]string{"bridge"}, args...)...)
	cmd.Stderr = os.Stderr
	s, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatalf("connect through the bridge: %v", err)
	}
	t.Cleanup(func() {
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Errorf("the bridge ended with %v", err)
		}
		if took := time.Since(began); took > 4*time.Second { // then the library sends SIGTERM
			t.Errorf("the bridge took %v to end", took)
		}
	})
	return s
}

func echoed(t *testing.T, s *mcp.ClientSession, tool, text string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"text": text}})
	if err != nil {
		return err
	}
	if len(r.Content) != 1 || !strings.Contains(r.Content[0].(*mcp.TextContent).Text, text) {
		return fmt.Errorf("%+v", r)
	}
	return nil
}

func TestBridgeOutlivesTheInstance(t *testing.T) {
	home := t.TempDir()
	// A port of its own, so that the second instance is not where the first was.
	writeConfig(t, home, fmt.Sprintf(`"demo": {"command": %q, "args": ["demo-server"]}`, programPath(t)), ` "quarantine": false,`)
	p := run(t, home, nil, "serve")
	p.waitState("demo", "connected")
	sessions := map[string]*mcp.ClientSession{}
	told := make(chan struct{}, 100)
	for name, revision := range map[string]string{"newest": "", "legacy": "2025-11-25", "oldest": "2024-11-05"} {
		changed := func() {}
		if name == "legacy" {
			changed = func() { told <- struct{}{} }
		}
		s := bridged(t, home, revision, changed)
		sessions[name] = s
		if got := s.InitializeResult().ProtocolVersion; revision != "" && got != revision || revision == "" && got < "2026" {
			t.Errorf("%s: revision %s", name, got)
		}
		if err := echoed(t, s, "demo__echo", "first "+name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := bridged(t, home, "2025-11-25", func() {}, "--server", "demo")
	if err := echoed(t, one, "echo", "alone"); err != nil {
		t.Errorf("--server demo: %v", err)
	}
	for len(told) > 0 {
		<-told
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // its end is awaited
	<-p.ended
	again := run(t, home, nil, "serve")
	again.waitState("demo", "connected")
	for name, s := range sessions {
		if err := echoed(t, s, "demo__echo", "second "+name); err != nil {
			t.Errorf("%s, after a restart: %v", name, err)
		}
	}
	if err := echoed(t, one, "echo", "again alone"); err != nil {
		t.Errorf("--server demo, after a restart: %v", err)
	}
	select {
	case <-told:
	case <-time.After(patience):
		t.Error("a client was not told that the tools may have changed")
	}
}

func TestBridgeWithoutAnInstance(t *testing.T) {
	began := time.Now()
	code, out, errs := cli(t, t.TempDir(), "bridge")
	if code != exitNoInstance || out != "" || !strings.Contains(errs, "Start it with: mcpproxy-tray") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("it waited for %v only", took)
	}
}

func TestBridgeAnswersAllBeforeItEnds(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, "", "")
	run(t, home, nil, "serve")
	cmd := command(t, home, nil, "bridge")
	cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":"a\/1","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}` + "\n" +
		`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + "no message\n" +
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"protocolVersion":"2025-06-18"`) || !strings.Contains(string(out), `"code":-32700`) || !strings.Contains(lines[len(lines)-1], `"tools":[]`) {
		t.Errorf("answers\n%s", out)
	}
}

func TestBridgeToAnUnknownServer(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, "", "")
	run(t, home, nil, "serve")
	cmd := command(t, home, nil, "bridge", "--server", "nobody")
	cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}` + "\n")
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), `"id":1,"error":`) {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}
