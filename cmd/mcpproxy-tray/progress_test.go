//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/toolcall"
)

// TestProgressOfACall calls a tool that tells how far it is: on a terminal that is shown
// on one line and then taken away, elsewhere it is not even asked for.
func TestProgressOfACall(t *testing.T) {
	asked, seen := make(chan bool, 1), make(chan struct{})
	srv := mcp.NewServer(&mcp.Implementation{Name: "slow", Version: "1"}, nil)
	srv.AddTool(&mcp.Tool{Name: "work", InputSchema: map[string]any{"type": "object"}}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		token := r.Params.GetProgressToken()
		asked <- token != nil
		for i := 1; token != nil && i <= 2; i++ {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(i), Total: 4, Message: "reading\x1b[31m"}); err != nil {
				return nil, err
			}
		}
		if token != nil { // what is told just before the result may not be shown any more
			select {
			case <-seen:
			case <-ctx.Done():
			case <-time.After(2 * patience): // the test has failed
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	})
	web := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return srv }, nil))
	t.Cleanup(web.Close) // after the program, which is connected
	home := t.TempDir()
	writeConfig(t, home, fmt.Sprintf(`"slow": {"url": %q}`, web.URL), `"quarantine": false,`)
	prog := run(t, home, nil, "serve")
	prog.waitState("slow", "connected")

	code, out, errOut := cli(t, home, "tools", "call", "slow__work")
	if code != 0 || out != "done\n" || errOut != "" || <-asked {
		t.Errorf("without a terminal: code %d, %q, %q, or progress was asked for", code, out, errOut)
	}
	cmd := command(t, home, []string{"TERM=xterm"})
	cmd.Path, cmd.Args = "/usr/bin/script", []string{"script", "-qec", programPath(t) + " tools call slow__work", "/dev/null"}
	shown := &syncBuffer{}
	cmd.Stdout = shown
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want := clearLine + "25 % reading [31m" + clearLine + "50 % reading [31m"
	prog.wait("progress on the terminal", func() bool { return shown.String() == want })
	close(seen)
	if err := cmd.Wait(); err != nil || shown.String() != want+clearLine+"done\r\n" || !<-asked {
		t.Errorf("on a terminal: %v, %q", err, shown)
	}
}

func TestProgressText(t *testing.T) {
	for _, tt := range []struct {
		p    toolcall.Progress
		want string
	}{
		{toolcall.Progress{Done: 1, Total: 3}, "33 % "},
		{toolcall.Progress{Done: 7, Total: 3, Text: "more than all"}, "100 % more than all"},
		{toolcall.Progress{Done: -1, Total: 3}, "0 % "},
		{toolcall.Progress{Done: 3, Text: "a\nb"}, "3 a b"},
		{toolcall.Progress{Text: strings.Repeat("ä", 100)}, "0 " + strings.Repeat("ä", 67) + "…"},
	} {
		if got := progressText(tt.p); got != tt.want {
			t.Errorf("progressText(%+v) = %q, want %q", tt.p, got, tt.want)
		}
	}
}
