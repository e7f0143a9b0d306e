// Package toolcall lists and calls the tools of the running instance at its MCP
// endpoint, as an AI client does. It is not for clients that stay connected.
//
// A Caller may be used concurrently. Close it after use.
package toolcall

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A Tool is a tool as the endpoint offers it.
type Tool struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	InputSchema any    `json:"inputSchema,omitempty"` // JSON Schema, as decoded
}

// TypeOf returns the type that the schema gives an argument, "" if it gives none.
func (t Tool) TypeOf(argument string) string {
	schema, _ := t.InputSchema.(map[string]any)
	properties, _ := schema["properties"].(map[string]any)
	property, _ := properties[argument].(map[string]any)
	kind, _ := property["type"].(string)
	return kind
}

// A Caller is one session at an endpoint.
type Caller struct {
	session *mcp.ClientSession

	mu    sync.Mutex                // guards calls, and is held while one is told of progress
	calls map[string]func(Progress) // by progress token
}

// Progress is how far a call is.
type Progress struct {
	Done, Total float64 // Total is 0 if it is not known
	Text        string  // of the server; may be empty
}

// Open opens a session at an endpoint with the clients' token.
func Open(ctx context.Context, endpoint, token, version string) (*Caller, error) {
	c := &Caller{calls: map[string]func(Progress){}}
	client := mcp.NewClient(&mcp.Implementation{Name: "mcpproxy-tray-cli", Version: version}, &mcp.ClientOptions{ProgressNotificationHandler: c.progressed})
	s, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: endpoint, HTTPClient: &http.Client{Transport: bearer(token)}, DisableStandaloneSSE: true, MaxRetries: -1,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("open session at %s: %w", endpoint, err)
	}
	c.session = s
	return c, nil
}

// progressed passes progress on to the call that it is of, unless that has ended.
func (c *Caller) progressed(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
	token, _ := r.Params.ProgressToken.(string)
	c.mu.Lock()
	defer c.mu.Unlock()
	if tell := c.calls[token]; tell != nil {
		tell(Progress{r.Params.Progress, r.Params.Total, r.Params.Message})
	}
}

// Close ends the session.
func (c *Caller) Close() error { return c.session.Close() }

// Tools returns all tools, in the order of the endpoint.
func (c *Caller) Tools(ctx context.Context) ([]Tool, error) {
	tools := []Tool{}
	for t, err := range c.session.Tools(ctx, nil) {
		if err != nil {
			return nil, fmt.Errorf("list tools: %w", err)
		}
		tools = append(tools, Tool{t.Name, t.Description, t.InputSchema})
	}
	return tools, nil
}

// Call calls a tool and returns its whole result as JSON, the text in it, and
// whether the tool says that it failed. An answer without a result is a *RefusedError.
// Until it returns it tells progress how far the call is; nil asks for none.
func (c *Caller) Call(ctx context.Context, tool string, args json.RawMessage, progress func(Progress)) (raw []byte, text string, failed bool, err error) {
	params := &mcp.CallToolParams{Name: tool, Arguments: args}
	if progress != nil {
		token := rand.Text()
		params.Meta = mcp.Meta{"progressToken": token}
		c.expect(token, progress)
		defer c.expect(token, nil)
	}
	res, err := c.session.CallTool(ctx, params)
	if refused, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return nil, "", false, &RefusedError{refused.Message}
	}
	if err != nil {
		return nil, "", false, fmt.Errorf("call %s: %w", tool, err)
	}
	for _, part := range res.Content {
		if t, ok := part.(*mcp.TextContent); ok {
			text += t.Text + "\n"
		}
	}
	raw, err = json.Marshal(res)
	return raw, text, res.IsError, err
}

func (c *Caller) expect(token string, progress func(Progress)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if progress == nil {
		delete(c.calls, token)
		return
	}
	c.calls[token] = progress
}

// A RefusedError is a call that was answered with an error instead of a result.
type RefusedError struct{ Text string } // one sentence, of the endpoint or of the server

func (e *RefusedError) Error() string { return e.Text }

// bearer sends its token with each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}
