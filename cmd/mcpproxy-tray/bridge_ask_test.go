//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// nosyServer asks who calls, tells of progress and says that a resource was updated.
func nosyServer(t *testing.T) *httptest.Server {
	srv := mcp.NewServer(&mcp.Implementation{Name: "nosy", Version: "1"}, &mcp.ServerOptions{
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	srv.AddResource(&mcp.Resource{Name: "a", URI: "file:///a"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{}, nil
	})
	mcp.AddTool(srv, &mcp.Tool{Name: "who"}, func(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		if err := srv.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: "file:///a"}); err != nil {
			return nil, nil, err
		}
		if token := req.Params.GetProgressToken(); token != nil {
			if err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: 1}); err != nil {
				return nil, nil, err
			}
		}
		answer, err := req.Session.Elicit(ctx, &mcp.ElicitParams{Message: "Who?", RequestedSchema: map[string]any{"type": "object"}})
		if err != nil {
			return nil, nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint(answer.Content["name"])}}}, nil, nil
	})
	h := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return srv }, nil))
	t.Cleanup(h.Close)
	t.Cleanup(h.CloseClientConnections)
	return h
}

// A heard is what a client was told and asked.
type heard struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (h *heard) add(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

func (h *heard) has(line string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.lines, line)
}

// TestServersReachTheClientsOfTheBridge lets clients of all eras call at once: each is
// asked and told what belongs to its own call.
func TestServersReachTheClientsOfTheBridge(t *testing.T) {
	server := nosyServer(t)
	home := t.TempDir()
	writeConfig(t, home, fmt.Sprintf(`"nosy": {"url": %q}`, server.URL), ` "quarantine": false,`)
	p := run(t, home, nil, "serve")
	p.waitState("nosy", "connected")
	var calls sync.WaitGroup
	all := map[string]*heard{}
	for _, revision := range []string{"2025-06-18", "2025-11-25", ""} {
		name := "client of " + revision
		h := &heard{}
		client := mcp.NewClient(&mcp.Implementation{Name: "stdio-only", Version: "1"}, &mcp.ClientOptions{
			ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				h.add("asked %s", r.Params.Message)
				return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": name}}, nil
			},
			ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
				h.add("progress of %v", r.Params.ProgressToken)
			},
			ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
				h.add("updated %s", r.Params.URI)
			},
		})
		s, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: command(t, home, nil, "bridge")}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if err := s.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "file:///a"}); err != nil {
			t.Errorf("%s: subscribe: %v", name, err)
		}
		calls.Go(func() {
			for i := range 5 {
				params := &mcp.CallToolParams{Name: "nosy__who", Arguments: map[string]any{}}
				params.SetProgressToken(fmt.Sprintf("%s, call %d", name, i))
				r, err := s.CallTool(t.Context(), params)
				if err != nil || len(r.Content) != 1 || r.Content[0].(*mcp.TextContent).Text != name {
					t.Errorf("%s got %+v, %v", name, r, err)
					return
				}
				if !h.has("asked Who?") {
					t.Errorf("%s was not asked", name)
				}
			}
		})
		all[name] = h
	}
	calls.Wait()
	for name, h := range all { // notifications are handled beside the answers
		for i := range 5 {
			p.wait("progress", func() bool { return h.has(fmt.Sprintf("progress of %s, call %d", name, i)) })
		}
		p.wait("the update", func() bool { return h.has("updated file:///a") })
	}
}
