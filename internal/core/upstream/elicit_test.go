package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/core/config"
)

// addNosy adds a tool that asks for the caller's name, tells of progress and logs.
func addNosy(srv *mcp.Server) {
	type none struct{}
	mcp.AddTool(srv, &mcp.Tool{Name: "nosy"}, func(ctx context.Context, req *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
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
}

// legacy returns a connector that greets srv as older revisions do.
func legacy(srv config.Server) *Connector {
	c := patient()
	c.silent.Store(srv.CommandLine(), struct{}{})
	return c
}

// TestLibraryServerAsksItsCaller lets two clients call at once. Over HTTP each is asked
// on the stream of its call. Over one pipe it is not known whom the server means, so
// they call one after the other there.
func TestLibraryServerAsksItsCaller(t *testing.T) {
	srv := sdkServer()
	addNosy(srv)
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return srv }, nil)
	for _, tt := range []struct {
		name   string
		s      *Session
		atOnce bool
	}{
		{"stateful", connect(t, patient(), remoteAt(serveHTTP(t, h).URL, "http")), true},
		{"stdio", connect(t, legacy(childOf("sdknosy")), childOf("sdknosy")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.s.protocol >= firstModern {
				t.Fatalf("revision %s", tt.s.protocol)
			}
			var calls sync.WaitGroup
			var one sync.Mutex // held by who calls where only one may
			for i := range 8 {
				name := fmt.Sprintf("client %d", i)
				p := newPerson(fmt.Sprintf(`{"action":"accept","content":{"name":%q}}`, name))
				calls.Go(func() {
					for range 10 {
						if !tt.atOnce {
							one.Lock()
							defer one.Unlock()
						}
						answer, rpcErr, err := tt.s.Request(t.Context(), call.Request{Method: "tools/call", From: p,
							Params: json.RawMessage(fmt.Sprintf(`{"name":"nosy","arguments":{},"_meta":{"progressToken":%q}}`, name))})
						if err != nil || !strings.Contains(string(answer), fmt.Sprintf(`"text":%q`, name)) {
							t.Errorf("%s got %s, %s, %v", name, answer, rpcErr, err)
							return
						}
						progress, asked := await(t, p.told, "progress"), await(t, p.told, "the question")
						if !strings.Contains(progress, fmt.Sprintf(`"progressToken":%q`, name)) || !strings.HasPrefix(asked, "ask elicitation/create") {
							t.Errorf("%s was told %s and %s", name, progress, asked)
						}
						if !tt.atOnce {
							return
						}
					}
				})
			}
			calls.Wait()
		})
	}
}
