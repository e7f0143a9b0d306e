// Package toolcall lists and calls the tools of the running instance at its MCP
// endpoint, as an AI client does. It is not for clients that stay connected.
//
// A Caller may be used concurrently. Close it after use.
package toolcall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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
type Caller struct{ session *mcp.ClientSession }

// Open opens a session at an endpoint with the clients' token.
func Open(ctx context.Context, endpoint, token, version string) (*Caller, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "mcpproxy-tray-cli", Version: version}, nil)
	s, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: endpoint, HTTPClient: &http.Client{Transport: bearer(token)}, DisableStandaloneSSE: true, MaxRetries: -1,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("open session at %s: %w", endpoint, err)
	}
	return &Caller{s}, nil
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
func (c *Caller) Call(ctx context.Context, tool string, args json.RawMessage) (raw []byte, text string, failed bool, err error) {
	res, err := c.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
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
