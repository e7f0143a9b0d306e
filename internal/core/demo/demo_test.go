package demo

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"
)

// asServer makes the test binary serve on its stdio, as the program does.
const asServer = "MCPPROXY_TRAY_TEST_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		if err := Serve(context.Background(), "1.2.3", os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func connect(t *testing.T, tr mcp.Transport) *mcp.ClientSession {
	t.Helper()
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// inMemory serves a client through pipes, line by line as over stdio.
func inMemory(t *testing.T) *mcp.ClientSession {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(context.Background(), "1.2.3", in, out) }()
	t.Cleanup(func() {
		if err := <-served; err != nil {
			t.Errorf("Serve = %v, want nil when the client has gone", err)
		}
	})
	return connect(t, &mcp.IOTransport{Reader: fromServer, Writer: toServer})
}

func TestToolsAreDescribed(t *testing.T) {
	list, err := inMemory(t).ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		a := tool.Annotations
		if tool.Title == "" || tool.Description == "" || tool.OutputSchema == nil || a == nil || !a.ReadOnlyHint || *a.DestructiveHint || *a.OpenWorldHint {
			t.Errorf("%s is not fully described: %+v", tool.Name, tool)
		}
	}
	if got, want := strings.Join(names, " "), "add current_time echo system_info"; got != want {
		t.Errorf("tools = %s, want %s", got, want)
	}
}

func TestCalls(t *testing.T) {
	s := inMemory(t)
	for _, c := range []struct {
		tool, args, text, structured string
		isError                      bool
	}{
		{"echo", `{"text":"<ü>\n"}`, "<ü>\n", `"text":"<ü>\n"`, false},
		{"echo", `{}`, "text", "", true},
		{"add", `{"a":1,"b":2.5}`, "3.5", `"sum":3.5`, false},
		{"add", `{"a":"x","b":1}`, "a", "", true},
		{"current_time", `{"time_zone":"Asia/Tokyo"}`, "+09:00 (Asia/Tokyo)", `"time_zone":"Asia/Tokyo"`, false},
		{"current_time", `{"time_zone":"Mars/Base"}`, `"Mars/Base" is not a time zone`, "", true},
		{"system_info", `{}`, runtime.GOOS + "/" + runtime.GOARCH, `"os":"` + runtime.GOOS + `"`, false},
	} {
		res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: c.tool, Arguments: json.RawMessage(c.args)})
		if err != nil {
			t.Errorf("%s(%s): %v", c.tool, c.args, err)
			continue
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(res.StructuredContent)
		text := res.Content[0].(*mcp.TextContent).Text
		if res.IsError != c.isError || !strings.Contains(text, c.text) || !strings.Contains(b.String(), c.structured) {
			t.Errorf("%s(%s) = error %v, %q, %s", c.tool, c.args, res.IsError, text, b.String())
		}
	}
}

func TestCurrentTimeIsNow(t *testing.T) {
	_, out, err := currentTime(t.Context(), nil, timeInput{TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := time.Parse(time.RFC3339, out.Time)
	if err != nil || time.Since(got).Abs() > time.Minute || out.Unix != got.Unix() || out.Weekday != got.Weekday().String() {
		t.Errorf("currentTime = %+v, %v", out, err)
	}
}

func TestServesAsAProcess(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), asServer+"=1")
	s := connect(t, &mcp.CommandTransport{Command: cmd})
	if info := s.InitializeResult().ServerInfo; info.Name != "mcpproxy-tray-demo" || info.Version != "1.2.3" {
		t.Errorf("server = %+v", info)
	}
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "system_info"})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(res.StructuredContent)
	var out systemOutput
	if err := json.Unmarshal(b, &out); err != nil || out.PID != cmd.Process.Pid {
		t.Errorf("system_info = %s, want the child's process %d (%v)", b, cmd.Process.Pid, err)
	}
	if err := s.Close(); err != nil || !cmd.ProcessState.Success() {
		t.Errorf("closed with %v, %v, want exit code 0", err, cmd.ProcessState)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	in, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, "1", in, os.Stdout) }()
	cancel()
	select {
	case err := <-served:
		if err != context.Canceled {
			t.Errorf("Serve = %v, want the context's error", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Serve did not end")
	}
	_ = w.Close()
}
