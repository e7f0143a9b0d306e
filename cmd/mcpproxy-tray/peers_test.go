//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Peers from npm, installed by .ci/setup, on the Node.js that comes with them.
type peers struct{ node, everything, inspector string }

func findPeers(t testing.TB) peers {
	t.Helper()
	modules, err := filepath.Abs("../../.ci/npm/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	p := peers{
		node:       filepath.Join(modules, "node-linux-"+arch, "bin", "node"),
		everything: filepath.Join(modules, "@modelcontextprotocol", "server-everything", "dist", "index.js"),
		inspector:  filepath.Join(modules, ".bin", "mcp-inspector"),
	}
	for _, path := range []string{p.node, p.everything, p.inspector} {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%v\nrun .ci/setup first", err)
		}
	}
	return p
}

// entry is server-everything as the configuration holds it.
func (p peers) entry() string {
	return fmt.Sprintf(`"everything": {"command": %q, "args": [%q, "stdio"]}`, p.node, p.everything)
}

// runEverything starts the program with server-everything and the demo server, connected.
func runEverything(t testing.TB, p peers) *program {
	t.Helper()
	home := t.TempDir()
	writeConfig(t, home, p.entry()+`, "demo": {"command": "mcpproxy-tray", "args": ["demo-server"]}`, `"quarantine": false,`)
	prog := run(t, home, nil, "serve")
	prog.waitState("everything", "connected")
	prog.waitState("demo", "connected")
	return prog
}

// A wire keeps the result of each answer that a client received, by the order of its requests.
type wire struct {
	mu      sync.Mutex // guards all
	methods map[string]string
	results map[string][]json.RawMessage // method -> raw results
}

func newWire() *wire {
	return &wire{methods: map[string]string{}, results: map[string][]json.RawMessage{}}
}

func (w *wire) message(data []byte) {
	var m struct {
		ID     json.RawMessage
		Method string
		Result json.RawMessage
	}
	if json.Unmarshal(data, &m) != nil || len(m.ID) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.Method != "" {
		w.methods[string(m.ID)] = m.Method
	} else if m.Result != nil {
		method := w.methods[string(m.ID)]
		w.results[method] = append(w.results[method], bytes.Clone(m.Result))
	}
}

// last returns the newest result of a method.
func (w *wire) last(t *testing.T, method string) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.results[method]
	if len(all) == 0 {
		t.Fatalf("no answer to %s was seen", method)
	}
	return string(all[len(all)-1])
}

// lines hands each line that passes to the wire.
type lines struct {
	io.ReadWriteCloser
	w   *wire
	in  []byte
	out []byte
}

func (l *lines) cut(buf, p []byte) []byte {
	buf = append(buf, p...)
	for {
		line, rest, ok := bytes.Cut(buf, []byte("\n"))
		if !ok {
			return buf
		}
		l.w.message(line)
		buf = rest
	}
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.ReadWriteCloser.Read(p)
	l.in = l.cut(l.in, p[:n])
	return n, err
}

func (l *lines) Write(p []byte) (int, error) {
	l.out = l.cut(l.out, p)
	return l.ReadWriteCloser.Write(p)
}

// pipes joins a child's stdin and stdout.
type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error { return p.WriteCloser.Close() }

// direct connects the SDK's client to server-everything without us.
func direct(t *testing.T, p peers) (*mcp.ClientSession, *wire) {
	t.Helper()
	cmd := exec.Command(p.node, p.everything, "stdio")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := newWire()
	l := &lines{ReadWriteCloser: pipes{stdout, stdin}, w: w}
	s := connectClient(t, &mcp.IOTransport{Reader: l, Writer: l})
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it does not end when its input does
		_ = cmd.Wait()
		_ = s.Close()
	})
	return s, w
}

// connectClient connects a client that says it can do what we say to servers, some
// of which offer more tools for it.
func connectClient(t *testing.T, transport mcp.Transport) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{
		//lint:ignore SA1019 servers of older revisions ask for them
		RootsV2: &mcp.RootCapabilities{}, Sampling: &mcp.SamplingCapabilities{},
		Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}, URL: &mcp.URLElicitationCapabilities{}},
	}})
	s, err := client.Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tap records what passes over HTTP; answers may be JSON or a stream of events.
type tap struct {
	w     *wire
	token string
}

func (r *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+r.token)
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.w.message(body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || req.Method != http.MethodPost {
		return resp, err
	}
	data, err := io.ReadAll(resp.Body) // a POST's stream ends with its answer
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(data))
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		r.w.message(data)
		return resp, nil
	}
	return resp, readEvents(bytes.NewReader(data), func(_ string, msg []byte) error {
		r.w.message(msg)
		return nil
	})
}

// relayed connects the SDK's client to one of our endpoints.
func relayed(t *testing.T, prog *program, path string) (*mcp.ClientSession, *wire) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(prog.home, "token"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire()
	s := connectClient(t, &mcp.StreamableClientTransport{
		Endpoint:             prog.url + path,
		HTTPClient:           &http.Client{Transport: &tap{w, strings.TrimSpace(string(token))}},
		DisableStandaloneSSE: true,
	})
	t.Cleanup(func() { _ = s.Close() })
	return s, w
}

// calls are tools of server-everything whose answers depend on nothing but their arguments.
var calls = []struct{ tool, args string }{
	{"echo", `{"message":"häl\"lo <b>&amp; 12345678901234567890"}`},
	{"get-sum", `{"a":2,"b":40.5}`},
	{"get-structured-content", `{"location":"Chicago"}`},
	{"get-tiny-image", `{}`},
	{"get-annotated-message", `{"messageType":"error","includeImage":true}`},
	{"get-resource-links", `{"count":3}`},
	{"echo", `{"wrong":1}`},
}

// forModern is what a server's older answer becomes for a client of revision
// 2026-07-28, which requires resultType.
func forModern(result string) string {
	if strings.HasPrefix(result, `{"resultType"`) {
		return result
	}
	return `{"resultType":"complete",` + strings.TrimPrefix(result, "{")
}

// TestSDKClientGetsTheServersBytes compares what the official SDK's client gets
// through both endpoints with what it gets from server-everything itself.
func TestSDKClientGetsTheServersBytes(t *testing.T) {
	p := findPeers(t)
	prog := runEverything(t, p)
	ds, dw := direct(t, p)

	for _, ep := range []struct{ path, prefix string }{
		{"/mcp/server/everything", ""},
		{"/mcp", "everything__"},
	} {
		t.Run(strings.Trim(ep.path, "/"), func(t *testing.T) {
			rs, rw := relayed(t, prog, ep.path)
			if got := rs.InitializeResult().ProtocolVersion; got != "2026-07-28" {
				t.Errorf("negotiated %q, want 2026-07-28", got)
			}
			list(t, ds)
			list(t, rs)
			want := tools(t, dw.last(t, "tools/list"))
			got := tools(t, rw.last(t, "tools/list"))
			got = slices.DeleteFunc(got, func(d string) bool { return strings.Contains(d, `"name":"demo__`) })
			for i := range want {
				want[i] = strings.Replace(want[i], `"name":"`, `"name":"`+ep.prefix, 1)
			}
			if !slices.Equal(got, want) {
				t.Errorf("tools/list through %s:\n%s\ndirect:\n%s", ep.path, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			for _, c := range calls {
				call(t, ds, c.tool, c.args)
				call(t, rs, ep.prefix+c.tool, c.args)
				want, got := forModern(dw.last(t, "tools/call")), rw.last(t, "tools/call")
				if got != want {
					t.Errorf("%s(%s) through %s:\n%s\ndirect:\n%s", c.tool, c.args, ep.path, got, want)
				}
			}
		})
	}
}

func list(t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	if _, err := s.ListTools(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func call(t *testing.T, s *mcp.ClientSession, tool, args string) {
	t.Helper()
	if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(args)}); err != nil {
		t.Fatalf("call %s: %v", tool, err)
	}
}

// tools returns the raw definitions of a tools/list result.
func tools(t *testing.T, result string) []string {
	t.Helper()
	var doc struct{ Tools []json.RawMessage }
	if err := json.Unmarshal([]byte(result), &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range doc.Tools {
		out = append(out, string(d))
	}
	if len(out) < 10 {
		t.Fatalf("only %d tools in %s", len(out), result)
	}
	return out
}

// inspect runs the MCP inspector's command line and returns what it prints.
func inspect(t *testing.T, p peers, target []string, args ...string) string {
	t.Helper()
	all := append([]string{p.inspector, "--cli"}, target...)
	cmd := exec.CommandContext(t.Context(), p.node, append(all, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("inspector %v: %v\n%s", args, err, &stderr)
	}
	return string(out)
}

// TestInspectorGetsTheSame compares what the npm client prints through both
// endpoints with what it prints for server-everything itself.
func TestInspectorGetsTheSame(t *testing.T) {
	p := findPeers(t)
	prog := runEverything(t, p)
	token, err := os.ReadFile(filepath.Join(prog.home, "token"))
	if err != nil {
		t.Fatal(err)
	}
	auth := "Authorization: Bearer " + strings.TrimSpace(string(token))
	alone := []string{p.node, p.everything, "stdio"}
	callEcho := func(tool string) []string {
		return []string{"--method", "tools/call", "--tool-name", tool, "--tool-arg", "message=hello"}
	}
	wantCall := inspect(t, p, alone, callEcho("echo")...)
	wantTools := printed(t, inspect(t, p, alone, "--method", "tools/list"))
	// Tools that server-everything adds for clients that can do more than this one; ours can.
	more := []string{"get-roots-list", "trigger-elicitation-request", "trigger-url-elicitation", "trigger-sampling-request"}

	for _, ep := range []struct{ path, prefix string }{{"/mcp/server/everything", ""}, {"/mcp", "everything__"}} {
		t.Run(strings.Trim(ep.path, "/"), func(t *testing.T) {
			target := []string{prog.url + ep.path, "--transport", "http", "--header", auth}
			if got := inspect(t, p, target, callEcho(ep.prefix+"echo")...); got != wantCall {
				t.Errorf("echo through %s:\n%s\ndirect:\n%s", ep.path, got, wantCall)
			}
			got := printed(t, inspect(t, p, target, "--method", "tools/list"))
			for name, def := range wantTools {
				if got[ep.prefix+name] != strings.Replace(def, `"name":"`, `"name":"`+ep.prefix, 1) {
					t.Errorf("tool %s through %s:\n%s\ndirect:\n%s", name, ep.path, got[ep.prefix+name], def)
				}
				delete(got, ep.prefix+name)
			}
			for name := range got {
				if !strings.HasPrefix(name, "demo__") && !slices.Contains(more, strings.TrimPrefix(name, ep.prefix)) {
					t.Errorf("unexpected tool %s through %s", name, ep.path)
				}
			}
		})
	}
}

// printed returns the definitions, by name, that the inspector printed.
func printed(t *testing.T, out string) map[string]string {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(out)); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	byName := map[string]string{}
	for _, def := range tools(t, compact.String()) {
		var d struct{ Name string }
		if err := json.Unmarshal([]byte(def), &d); err != nil {
			t.Fatal(err)
		}
		byName[d.Name] = def
	}
	return byName
}
