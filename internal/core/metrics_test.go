package core_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// TestMetricsOfTheProgram asks the running program what it counted.
func TestMetricsOfTheProgram(t *testing.T) {
	dirs := homeDirs(t, "")
	c, _ := open(t, dirs)
	waitState(t, c, "demo", stateview.Connected)
	if err := c.SetEnabled(t.Context(), "demo", false); err != nil {
		t.Fatal(err)
	}
	waitState(t, c, "demo", stateview.Disabled)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"demo__no_such_tool"}}`
	read(t, c.URL()+"/mcp", dirs.Data, http.MethodPost, call)
	read(t, c.URL()+"/api/v1/servers", dirs.Data, http.MethodGet, "")
	got := read(t, c.URL()+"/metrics", dirs.Data, http.MethodGet, "")
	for _, want := range []string{
		`mcpproxy_tray_info{version="test",`, `mcpproxy_tray_servers{state="disabled"} 1`, `mcpproxy_tray_server_up{server="demo"} 0`,
		`mcpproxy_tray_restarts_total{server="demo"} 0`, `mcpproxy_tray_snapshot_reads_total{consumer="api"} 1`, `mcpproxy_tray_snapshot_subscribers{consumer="mcp"} 1`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	for _, none := range []string{"publish_seconds_count 0\n", "event_seconds_count 0\n", `snapshot_reads_total{consumer="mcp"} 0` + "\n"} {
		if strings.Contains(got, "mcpproxy_tray_"+none) {
			t.Errorf("%s", none)
		}
	}
}

// read sends a request with the admin token and returns the body of the answer.
func read(t *testing.T, url, data, method, body string) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	defer http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
