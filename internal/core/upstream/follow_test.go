package upstream

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
)

// listener returns a connector and what its servers say to all.
func listener() (*Connector, chan string) {
	c := patient()
	told := make(chan string, 100)
	c.Notify = func(server, method string, params json.RawMessage) {
		told <- server + " " + method + " " + string(params)
	}
	return c, told
}

func TestLegacyServerIsToldWhatClientsWish(t *testing.T) {
	c, told := listener()
	s := connect(t, c, childOf("both"))
	s.Follow(call.Wish{Resources: []string{"file:///a", "file:///b"}, LogLevel: "info"})
	waitFor(t, "the wish", func() bool { return strings.Contains(seen(t, s), `"level":"info"`) })
	s.Follow(call.Wish{Resources: []string{"file:///b", "file:///c"}, LogLevel: "info"})
	waitFor(t, "the other wish", func() bool { return strings.Contains(seen(t, s), `"uri":"file:///c"`) })
	s.Follow(call.Wish{})
	waitFor(t, "the end of the wish", func() bool { return strings.Count(seen(t, s), "resources/unsubscribe") == 3 })
	all := seen(t, s)
	if n := strings.Count(all, "resources/subscribe"); n != 3 || strings.Count(all, "logging/setLevel") != 1 {
		t.Errorf("the server heard %s", all)
	}
	const updated = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///b","x":1.0}}`
	p := newPerson("")
	callFrom(t, s, p, `{"say":[`+updated+`,{"jsonrpc":"2.0","method":"vendor/news","params":{"n":1e2}}]}`)
	if got := await(t, told, "the update"); got != `both notifications/resources/updated {"uri":"file:///b","x":1.0}` {
		t.Errorf("told %s", got)
	}
	if got := await(t, p.told, "the news"); got != `vendor/news {"n":1e2}` || len(told) > 0 {
		t.Errorf("the caller was told %s, and all %d more", got, len(told))
	}
}

// subscribable is a server of the library whose resources can be followed.
func subscribable() *mcp.Server {
	nothing := func(context.Context, *mcp.SubscribeRequest) error { return nil }
	srv := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, &mcp.ServerOptions{
		SubscribeHandler:   nothing,
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	srv.AddResource(&mcp.Resource{Name: "a", URI: "file:///a"}, readNothing)
	return srv
}

func TestUpdatesOfResourcesOfLibraryServers(t *testing.T) {
	for _, stateless := range []bool{false, true} {
		c, told := listener()
		srv := subscribable()
		h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return srv }, &mcp.StreamableHTTPOptions{Stateless: stateless})
		s := connect(t, c, remoteAt(serveHTTP(t, h).URL, "http"))
		lists(t, s)
		update := func(uri string) string {
			t.Helper()
			var got string
			waitFor(t, "an update of "+uri, func() bool { // the subscription takes a moment
				if err := srv.ResourceUpdated(t.Context(), &mcp.ResourceUpdatedNotificationParams{URI: uri}); err != nil {
					t.Fatal(err)
				}
				select {
				case got = <-told:
					return strings.Contains(got, uri)
				case <-time.After(20 * time.Millisecond):
					return false
				}
			})
			return got
		}
		s.Follow(call.Wish{Resources: []string{"file:///a"}})
		if got := update("file:///a"); strings.Contains(got, "subscriptionId") {
			t.Errorf("stateless %t: told %s", stateless, got)
		}
		s.Follow(call.Wish{Resources: []string{"file:///b"}})
		update("file:///b")
		// What is not wished for any more is not told, and list changes still are.
		for len(told) > 0 {
			<-told
		}
		if err := srv.ResourceUpdated(t.Context(), &mcp.ResourceUpdatedNotificationParams{URI: "file:///a"}); err != nil {
			t.Fatal(err)
		}
		update("file:///b")
		for len(told) > 0 {
			if got := <-told; strings.Contains(got, "file:///a") {
				t.Errorf("stateless %t: told %s", stateless, got)
			}
		}
		for len(s.Changed()) > 0 {
			<-s.Changed()
		}
		srv.AddResource(&mcp.Resource{Name: "b", URI: "file:///b"}, readNothing)
		await(t, s.Changed(), "the change of the list")
	}
}
