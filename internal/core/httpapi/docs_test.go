package httpapi

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

var example = regexp.MustCompile("(?s)```http\n(.*?)```\n```(json|sse) ?(\\d*)\n(.*?)```")

// TestDocument runs the examples of docs/http-api.md.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	found := example.FindAllStringSubmatch(string(text), -1)
	if len(found) != strings.Count(string(text), "```http\n") || len(found) < 8 {
		t.Fatalf("%d examples have an answer", len(found))
	}
	d := loadAPI(t)
	dir, logs := withLogs(t)
	writeLog(t, dir, "filesystem", "Starting\nSecure MCP Filesystem Server running on stdio\nClient does not support MCP Roots\n")
	for _, m := range found {
		head, body, _ := strings.Cut(strings.TrimSpace(m[1]), "\n\n")
		if m[2] == "sse" {
			documentedEvents(t, m[4])
			continue
		}
		method, path, _ := strings.Cut(head, " ")
		s, _ := newTest(logs, func(o *Options) {
			o.ApprovedTool = func(server, tool string) string {
				return `{"name":"` + tool + `","description":"Writes a text.","inputSchema":{"type":"object"}}`
			}
			o.FindTools = func(ToolQuery) []FoundTool {
				return []FoundTool{{Name: "filesystem__read", Server: "filesystem", Own: "read", Score: 1.5, Signature: "filesystem__read()", Description: "Reads a file."}}
			}
		})
		s.cache.run = "K7WQ2M5T"
		res := call(t, described{t, d, s}, method, path, body)
		if got := bodyOf(t, res); strconv.Itoa(res.StatusCode) != m[3] || compact(t, got) != compact(t, m[4]) {
			t.Errorf("%s: %d %s, want %s %s", head, res.StatusCode, got, m[3], m[4])
		}
	}
}

// TestTableOfAddresses: docs/http-api.md lists what docs/openapi.json describes, in the same words.
func TestTableOfAddresses(t *testing.T) {
	text, err := os.ReadFile("../../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| ([A-Z]+) \\| `([^`]+)` \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1]+" "+m[2]+": "+strings.ToLower(m[3]))
	}
	for _, op := range loadAPI(t).Operations {
		want = append(want, op.Method+" "+op.Path+": "+strings.ToLower(op.Summary))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("docs/http-api.md lists\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func documentedEvents(t *testing.T, want string) {
	t.Helper()
	s, _, addr := serve(t)
	r := follow(t, dial(t, addr), addr)
	nextEvent(t, r)
	s.opt.View.RemoveServer("old")
	got := nextEvent(t, r)
	s.opt.View.UpdateServer("new", func(st *stateview.ServerStatus) { st.State = stateview.Connecting })
	var b strings.Builder
	for _, e := range []event{got, nextEvent(t, r)} {
		if err := loadAPI(t).CheckSchema("Change", []byte(e.data)); err != nil {
			t.Error(err)
		}
		b.Write(appendEvent(nil, e.name, e.id, []byte(e.data+"\n")))
	}
	if b.String() != want {
		t.Errorf("events:\n%s\nwant:\n%s", b.String(), want)
	}
}

// compact removes the layout and the order of members.
func compact(t *testing.T, doc string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
