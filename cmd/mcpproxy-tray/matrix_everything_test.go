//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// everythingScript is what clients do with server-everything: what it has whose answers
// depend on nothing but what they say.
var everythingScript = []step{
	{name: "tools", method: "tools/list"},
	{name: "echo", method: "tools/call", params: `"name":"@echo","arguments":{"message":"h\u00e4l\"lo <b>&amp; 12345678901234567890"}`},
	{name: "echo nothing", method: "tools/call", params: `"name":"@echo","arguments":{"wrong":1}`},
	{name: "sum", method: "tools/call", params: `"name":"@get-sum","arguments":{"a":2,"b":40.5}`},
	{name: "structured", method: "tools/call", params: `"name":"@get-structured-content","arguments":{"location":"Chicago"}`},
	{name: "image", method: "tools/call", params: `"name":"@get-tiny-image","arguments":{}`},
	{name: "annotated", method: "tools/call", params: `"name":"@get-annotated-message","arguments":{"messageType":"error","includeImage":true}`},
	{name: "links", method: "tools/call", params: `"name":"@get-resource-links","arguments":{"count":3}`},
	{name: "progress", method: "tools/call", params: `"name":"@trigger-long-running-operation","arguments":{"duration":0.2,"steps":4}`, meta: `"progressToken":"p"`},
	{name: "elicit", method: "tools/call", params: `"name":"@trigger-elicitation-request","arguments":{}`},
	{name: "sample", method: "tools/call", params: `"name":"@trigger-sampling-request","arguments":{"prompt":"x","maxTokens":10}`},
	{name: "no tool", method: "tools/call", params: `"name":"@none"`},
	{name: "prompts", method: "prompts/list"},
	{name: "prompt", method: "prompts/get", params: `"name":"@simple-prompt"`},
	{name: "prompt with arguments", method: "prompts/get", params: `"name":"@args-prompt","arguments":{"city":"Ulm","state":"BW"}`},
	{name: "complete", method: "completion/complete", params: `"ref":{"type":"ref/prompt","name":"@completable-prompt"},"argument":{"name":"department","value":"E"}`},
	{name: "resources", method: "resources/list"},
	{name: "templates", method: "resources/templates/list"},
	{name: "no resource", method: "resources/read", params: `"uri":"none://x"`},
	{name: "ping", method: "ping", only: "legacy"},
	{name: "no level", method: "logging/setLevel", params: `"level":"loud"`, only: "legacy"},
	{name: "no method", method: "com.example/none"},
}

// everythingDifferences are those of server-everything; see differences.
var everythingDifferences = []difference{
	{"* * * all", "hello", "at /mcp instructions stand under the server's name, and tasks cannot be listed", false},
	{"* * * *", "tools", "it has one more tool for us, as we can be asked to open a page, and is one server for all clients", false},
	{"* * * *", "no tool", "a tool that is not in the list is refused in our words, without the server", false},
	{"* * * *", "no level", "a level that there is not is refused in our words, without the server", false},
	{"* * * all", "no resource", "in our words: no server has it", false},
	{"* * * all", "no method", "the refusal of a method that nobody knows is ours", false},
}

// TestMatrixOfEverything is TestMatrix for a server of the TypeScript SDK, which is of
// 2025-11-25, and clients of all revisions that it knows itself.
func TestMatrixOfEverything(t *testing.T) {
	p := findPeers(t)
	direct := map[string]transcript{}
	for _, era := range eras {
		if era < modernSet {
			c := &scripted{t: t, era: era, script: everythingScript, edge: overStdin(t, exec.Command(p.node, p.everything, "stdio"))}
			c.play()
			direct[era] = c.heard
		}
	}
	m := &matrix{met: map[string]bool{}, seen: map[string]bool{}, differences: everythingDifferences}
	var all sync.WaitGroup
	for transport, entry := range map[string]string{
		overStdio: strings.Replace(p.entry(), `"everything"`, `"odd"`, 1),
		overHTTP:  fmt.Sprintf(`"odd": {"url": %q}`, p.everythingWeb(t)),
	} {
		s := startRelayOf(t, entry, legacySet, transport, transparent, merged, byBridge)
		s.script = everythingScript
		all.Go(func() { m.play(t, s, direct) })
	}
	all.Wait()
	m.checkStale(t)
	t.Logf("%d steps compared, %d differ", len(m.seen), len(m.met))
	if *update && !t.Failed() {
		putIntoProtocol(t, "everything", m.table())
	}
}

// everythingWeb starts server-everything over HTTP and returns its URL.
func (p peers) everythingWeb(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // free, until somebody else is given it
	l.Close()
	cmd := exec.Command(p.node, p.everything, "streamableHttp")
	cmd.Env = append(os.Environ(), "PORT="+port)
	var output syncBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return "http://127.0.0.1:" + port + "/mcp"
		}
		if time.Now().After(deadline) {
			t.Fatalf("server-everything does not listen:\n%s", output.String())
		}
	}
}
