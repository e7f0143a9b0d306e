package proxy

import (
	"strings"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

// greet makes a handshake and returns its answer.
func (r *rig) greet(t *testing.T, path string, modern bool) string {
	t.Helper()
	if modern {
		_, body := r.modern(t, path).ask("server/discover", `{}`)
		return body
	}
	c := &raw{t: t, rig: r, path: path}
	_, body := c.post(`{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"x":{}},"clientInfo":{"name":"r","version":"0"},"_meta":{"v":1}}}`, nil)
	return body
}

func TestGreetingIsTheServersOwn(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	const info, caps = `{"version":"9","name":"Z","icons":[],"x":12345678901234567890}`, `{"tools":{},"experimental":{"<x>":1.0},"future":[1e400],"prompts":{"listChanged":false}}`
	connectOffer(r.view, "s", stateview.Offer{Capabilities: caps, Info: info, Instructions: "Be <kind>\n& quick."})
	const says = `,"instructions":"Be <kind>\n& quick."}}`
	if got, want := r.greet(t, "/mcp/server/s", false), `{"jsonrpc":"2.0","id":7,"result":{"capabilities":`+caps+`,"protocolVersion":"2025-11-25","serverInfo":`+info+says; got != want {
		t.Errorf("initialize = %s, want %s", got, want)
	}
	want := `{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","supportedVersions":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"capabilities":` +
		caps + `,"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":` + info + `}` + says
	if got := r.greet(t, "/mcp/server/s", true); got != want {
		t.Errorf("discover = %s, want %s", got, want)
	}
}

func TestCapabilitiesAreThoseOfTheServers(t *testing.T) {
	const none, lists = `"capabilities":{"tools":{"listChanged":true}},`, `"capabilities":{"prompts":{"listChanged":true},"resources":{"listChanged":true},"tools":{"listChanged":true}},`
	for _, c := range []struct{ name, a, b, want string }{
		{"tools only", `{"tools":{}}`, `{}`, none},
		{"nothing known", "", "", none},
		{"one has prompts", `{"tools":{}}`, `{"prompts":{}}`, `"capabilities":{"prompts":{"listChanged":true},"tools":{"listChanged":true}},`},
		{"each has something", `{"resources":{"subscribe":false},"logging":{}}`, `{"prompts":{},"completions":{},"experimental":{"x":{}}}`,
			`"capabilities":{"completions":{},"logging":{},"prompts":{"listChanged":true},"resources":{"listChanged":true},"tools":{"listChanged":true}},`},
		{"one tells of updates", `{"resources":{}}`, `{"resources":{"subscribe":true}}`, `"capabilities":{"resources":{"subscribe":true,"listChanged":true},"tools":{"listChanged":true}},`},
		{"extensions", `{"extensions":{"io.modelcontextprotocol/ui":{"a":1},"vendor/x":{}}}`, `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`,
			`"capabilities":{"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{}},"tools":{"listChanged":true}},`},
		{"tasks", `{"tasks":{"list":{}}}`, `{}`, `"capabilities":{"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}},"tools":{"listChanged":true}},`},
		{"not objects", `{"prompts":true,"resources":[],"logging":null}`, `{}`, none},
	} {
		r := start(t, answer(`{}`), Options{})
		connectOffer(r.view, "a", stateview.Offer{Capabilities: c.a})
		connectOffer(r.view, "b", stateview.Offer{Capabilities: c.b})
		for _, modern := range []bool{false, true} {
			if got := r.greet(t, "/mcp", modern); !strings.Contains(got, c.want) {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
		setState(r.view, "c", stateview.Connecting)
		if got := r.greet(t, "/mcp/server/c", true); !strings.Contains(got, lists) || !strings.Contains(got, `"name":"mcpproxy-tray"`) {
			t.Errorf("a server that has not said anything yet: %s", got)
		}
	}
}

func TestInstructionsNameTheirServer(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	if got := r.greet(t, "/mcp", true); strings.Contains(got, "instructions") {
		t.Errorf("of no server: %s", got)
	}
	long := strings.Repeat("é", maxInstructions)
	connectOffer(r.view, "a", stateview.Offer{Instructions: " First.\n"})
	connectOffer(r.view, "b", stateview.Offer{Instructions: long})
	connectOffer(r.view, "c", stateview.Offer{})
	got := r.endpoint.catalog().instructions()
	if !strings.Contains(got, "\n# a\n\nFirst.\n\n# b\n\né") || strings.Contains(got, "# c") || !strings.Contains(got, "é … (shortened)\n") {
		t.Errorf("%s", got)
	}
	if !strings.Contains(r.greet(t, "/mcp", false), `\n# a\n\nFirst.\n`) {
		t.Error("the handshake does not say it")
	}
	setState(r.view, "a", stateview.Disabled)
	if got := r.endpoint.catalog().instructions(); strings.Contains(got, "First.") {
		t.Errorf("of a server that is off: %s", got)
	}
	for name := range strings.SplitSeq("d e f g h i j k l m", " ") {
		connectOffer(r.view, name, stateview.Offer{Instructions: long})
	}
	if got := r.endpoint.catalog().instructions(); len(got) > maxAllInstructions+200 || !strings.Contains(got, "more servers have instructions") {
		t.Errorf("%d bytes, ending in %s", len(got), got[len(got)-200:])
	}
}
