package upstream

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/stateview"
)

// lists returns what a session's server offers.
func lists(tb testing.TB, s *Session) (stateview.ToolList, stateview.Offer) {
	tb.Helper()
	tools, offer, err := s.Lists(tb.Context())
	if err != nil {
		tb.Fatalf("Lists: %v", err)
	}
	return tools, offer
}

func TestOfferIsTheServersBytes(t *testing.T) {
	for _, mode := range []string{"both", "both+modern"} {
		t.Run(mode, func(t *testing.T) {
			s := connect(t, patient(), childOf(mode))
			tools, o := lists(t, s)
			if tools.Len() != 1 || o.Info != bothInfo || o.Capabilities != bothCapabilities || o.Instructions != "Be kind." {
				t.Errorf("%d tools, info %s, capabilities %s, instructions %q", tools.Len(), o.Info, o.Capabilities, o.Instructions)
			}
			if got, want := slices.Collect(o.Prompts.All()), []stateview.Item{{Key: "greet", Definition: bothPrompt}, {Key: "last", Definition: `{"name":"last"}`}}; !slices.Equal(got, want) {
				t.Errorf("prompts %v, want %v", got, want)
			}
			if got, want := slices.Collect(o.Resources.All()), []stateview.Item{{Key: "file:///a", Definition: bothResource}}; !slices.Equal(got, want) {
				t.Errorf("resources %v, want %v", got, want)
			}
			if got, want := slices.Collect(o.Templates.All()), []stateview.Item{{Key: "file:///{path}", Definition: bothTemplate}}; !slices.Equal(got, want) {
				t.Errorf("templates %v, want %v", got, want)
			}
		})
	}
}

func TestServerThatCannotListWhatItDeclares(t *testing.T) {
	s := connect(t, patient(), childOf("both+toolsonly"))
	tools, o := lists(t, s)
	if tools.Len() != 1 || o.Prompts.Len()+o.Resources.Len()+o.Templates.Len() != 0 || o.Info != bothInfo {
		t.Errorf("%d tools, offer %+v", tools.Len(), o)
	}
}

func TestOnlyWhatChangedIsListedAgain(t *testing.T) {
	s := connect(t, patient(), childOf("both"))
	_, before := lists(t, s)
	result(t, s, "grow", `{}`)
	await(t, s.Changed(), "list_changed")
	asked := s.wire.nextID.Load()
	_, after := lists(t, s)
	if n := s.wire.nextID.Load() - asked; n != 2 {
		t.Errorf("%d requests, want resources/list and resources/templates/list", n)
	}
	if after.Resources.Len() != before.Resources.Len()+1 || !after.Prompts.Equal(before.Prompts) {
		t.Errorf("resources %d after %d", after.Resources.Len(), before.Resources.Len())
	}
	if _, _ = lists(t, s); s.wire.nextID.Load()-asked != 2 {
		t.Error("lists that are known were asked for again")
	}
}

// offering is a server of the library to which prompts and resources can be added.
func offeringServer() *mcp.Server {
	srv := sdkServer()
	srv.AddPrompt(&mcp.Prompt{Name: "first"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{}, nil
	})
	srv.AddResource(&mcp.Resource{Name: "first", URI: "file:///first"}, readNothing)
	srv.AddResourceTemplate(&mcp.ResourceTemplate{Name: "any", URITemplate: "file:///{path}"}, readNothing)
	return srv
}

func readNothing(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{}, nil
}

func TestEachKindOfChangeIsHeard(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *mcp.Server) *Session{
		"stateless": func(t *testing.T, srv *mcp.Server) *Session { return connectHTTP(t, srv, true) },
		"stateful":  func(t *testing.T, srv *mcp.Server) *Session { return connectHTTP(t, srv, false) },
	} {
		t.Run(name, func(t *testing.T) {
			srv := offeringServer()
			s := open(t, srv)
			lists(t, s)
			for what, add := range map[string]func(name string){
				"prompts":   func(name string) { srv.AddPrompt(&mcp.Prompt{Name: name}, nil) },
				"resources": func(name string) { srv.AddResource(&mcp.Resource{Name: name, URI: "file:///" + name}, readNothing) },
				"templates": func(name string) {
					srv.AddResourceTemplate(&mcp.ResourceTemplate{Name: name, URITemplate: "file:///" + name + "/{x}"}, readNothing)
				},
			} {
				_, before := lists(t, s)
				n := 0
				// The stream of changes may open after Connect: add until it is heard.
				waitFor(t, what, func() bool {
					add(fmt.Sprintf("%s%d", what, n))
					n++
					select {
					case <-s.Changed():
					case <-time.After(20 * time.Millisecond):
						return false
					}
					_, now := lists(t, s)
					return now.Prompts.Len()+now.Resources.Len()+now.Templates.Len() > before.Prompts.Len()+before.Resources.Len()+before.Templates.Len()
				})
			}
		})
	}
}

func connectHTTP(t *testing.T, server *mcp.Server, stateless bool) *Session {
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
	return connect(t, testConnector(), remoteAt(serveHTTP(t, h).URL, "http"))
}
