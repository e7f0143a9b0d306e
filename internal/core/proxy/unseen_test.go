package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// secretTool is a tool with a mark in every part of its definition. Its name alone is known.
func secretTool(name string, free bool) stateview.Tool {
	t := tool(name, fmt.Sprintf(`{"name":%q,"title":"CANARY","description":"CANARY issue","inputSchema":{"type":"object","properties":{"CANARY":{"type":"string","description":"CANARY","x-mcp-header":"CANARY"}}},`+
		`"outputSchema":{"CANARY":1},"annotations":{"title":"CANARY","readOnlyHint":true},"icons":[{"src":"CANARY"}],"_meta":{"CANARY":1},"CANARY":1}`, name))
	if !free {
		t.Held, t.Hash = true, "t1:CANARY"
	}
	return t
}

// TestNoByteOfAHeldToolIsSeen asks for a held tool in every way that there is, at all
// three endpoints and in both eras, also where it was free before with another definition.
func TestNoByteOfAHeldToolIsSeen(t *testing.T) {
	up := answer(`{"content":[]}`)
	r := start(t, up, Options{})
	was := tool("was", `{"name":"was","description":"Reads an issue.","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}`)
	connect(r.view, "hub", plainTool("free"), was)
	search := r.dial(t, searchPath, nil)
	within(t, 5*time.Second, "the index", func() bool { return len(found(t, search, object{"query": "issue"})) == 1 })
	connect(r.view, "hub", plainTool("free"), secretTool("was", false), secretTool("new", false))

	var all strings.Builder
	note := func(body string) { all.WriteString(body + "\n") }
	for _, path := range []string{"/mcp", "/mcp/server/hub", searchPath} {
		for _, c := range []*raw{r.legacy(t, path), r.modern(t, path)} {
			_, body := c.list()
			note(body)
			if path != searchPath && !strings.Contains(body, "free") {
				t.Errorf("%s lists %s", path, body)
			}
			for _, name := range []string{"was", "new", "hub__was", "hub__new"} {
				_, body := c.call(name, `{"name":"`+name+`","arguments":{}}`)
				note(body)
				if !strings.Contains(body, "error") {
					t.Errorf("%s: a call of %s gives %s", path, name, body)
				}
				for _, ours := range []string{"describe_tool", callRead, callWrite, callDestructive} {
					if path == searchPath {
						_, body := c.call(ours, `{"name":"`+ours+`","arguments":{"name":"`+name+`"}}`)
						note(body)
						if !strings.Contains(body, `"isError":true`) {
							t.Errorf("%s of %s gives %s", ours, name, body)
						}
					}
				}
			}
		}
	}
	for _, words := range []string{"issue", "CANARY", "was", "new"} {
		if got := found(t, search, object{"query": words}); len(got) > 0 {
			t.Errorf("%q finds %v", words, got)
		}
	}
	if strings.Contains(all.String(), "CANARY") {
		t.Errorf("a held definition was seen:\n%s", all.String())
	}
	if !strings.Contains(all.String(), "held back until a person approves it") {
		t.Error("nobody was told why")
	}
	if got := up.last(); got != "" {
		t.Errorf("a server got %s", got)
	}

	// The same questions show it all once it is approved: the test can fail.
	connect(r.view, "hub", secretTool("was", true))
	for _, path := range []string{"/mcp", "/mcp/server/hub"} {
		if _, body := r.legacy(t, path).list(); !strings.Contains(body, "CANARY") {
			t.Errorf("%s: approved, but not listed: %s", path, body)
		}
	}
	within(t, 5*time.Second, "the approved tool is found", func() bool { return len(found(t, search, object{"query": "CANARY"})) == 1 })
}

// TestHoldingIsAnnounced: clients hear that a tool became held, and that it is free again.
func TestHoldingIsAnnounced(t *testing.T) {
	r := start(t, answer(`{}`), Options{})
	connect(r.view, "hub", plainTool("free"), secretTool("x", true))
	common, own := r.modern(t, "/mcp").subscribe(t), r.modern(t, "/mcp/server/hub").subscribe(t)
	for i, free := range []bool{false, true} {
		before := [2]int32{common.Load(), own.Load()}
		connect(r.view, "hub", plainTool("free"), secretTool("x", free))
		within(t, 5*time.Second, fmt.Sprintf("news %d", i), func() bool { return common.Load() > before[0] && own.Load() > before[1] })
	}
}
