package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

// TestWhatWaitsForApproval: launches and tools, with what an approval must name.
func TestWhatWaitsForApproval(t *testing.T) {
	s, _ := newTest()
	want := `{"version":1,"waiting":[{"server":"filesystem","kind":"tool","tool":"write","hash":"t1:5e1d","definition":{"name":"write","description":"Writes a file.","inputSchema":{"type":"object"}}},` +
		`{"server":"new","kind":"launch","launch":"uvx thing","launch_id":"77aa"}]}` + "\n"
	if got := bodyOf(t, call(t, s, "GET", "/api/v1/approvals", "")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.opt.View.RemoveServer("filesystem")
	s.opt.View.RemoveServer("new")
	if got := bodyOf(t, call(t, s, "GET", "/api/v1/approvals", "")); got != `{"version":3,"waiting":[]}`+"\n" {
		t.Errorf("%s", got)
	}
}

// TestHeldToolsThatCannotBeShownWhole: what has no hash cannot be approved, and what was
// approved may be lost.
func TestHeldToolsThatCannotBeShownWhole(t *testing.T) {
	s, _ := newTest(func(o *Options) {
		o.ApprovedTool = func(server, tool string) string {
			return map[string]string{"a": `{"name":"a"}`}[tool]
		}
		o.View.UpdateServer("filesystem", func(st *stateview.ServerStatus) {
			st.Tools = stateview.NewToolList([]stateview.Tool{
				{Name: "a", Definition: `{"name":"a","v":1.0}`, Held: true, Hash: "t1:a"},
				{Name: "b", Definition: `{"name":"b","name":"b"}`, Held: true},
				{Name: "c", Definition: `{"name":"c"}`},
			})
		})
	})
	const want = `{"server":"filesystem","kind":"tool","tool":"a","hash":"t1:a","definition":{"name":"a","v":1.0},"approved":{"name":"a"}},` +
		`{"server":"filesystem","kind":"tool","tool":"b"},{"server":"new"`
	if got := bodyOf(t, call(t, described{t, loadAPI(t), s}, "GET", "/api/v1/approvals", "")); !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestApprove(t *testing.T) {
	const launch, tools = "/api/v1/servers/new/approve", "/api/v1/approvals"
	for _, c := range []struct {
		path, body string
		status     int
		asked      []string
	}{
		{launch, `{"launch_id":"77aa"}`, 200, []string{"approve new 77aa"}},
		{launch, `{"launch_id":"77aa","review_tools":false}`, 200, []string{"approve new 77aa"}},
		{launch, `{"review_tools":true,"launch_id":"77aa"}`, 200, []string{"approve for review new 77aa"}},
		{launch, `{"launch_id":"77aa","review_tools":"yes"}`, 400, nil},
		{launch, `{"launch_id":"77aa","review_tool":true}`, 400, nil},
		{launch, `{"review_tools":true}`, 400, nil},
		{launch, `{"launch_id":"77aa","launch_id":"77ab"}`, 400, nil},
		{launch, ``, 400, nil},
		{tools, `{"server":"a","tools":[{"tool":"x","hash":"t1:1"},{"hash":"t1:2","tool":"y"}]}`, 200, []string{"approve tools a [{x t1:1} {y t1:2}]"}},
		{tools, `{"server":"a","tools":[]}`, 400, nil},
		{tools, `{"server":"a"}`, 400, nil},
		{tools, `{"tools":[{"tool":"x","hash":"t1:1"}]}`, 400, nil},
		{tools, `{"server":"a","tools":[{"tool":"x"}]}`, 400, nil},
		{tools, `{"server":"a","tools":[{"tool":"x","hash":""}]}`, 400, nil},
		{tools, `{"server":"a","tools":[{"tool":"x","hash":"t1:1"},{}]}`, 400, nil},
		{tools, `{"server":"a","tools":[{"tool":"x","hash":"t1:1","hash":"t1:2"}]}`, 400, nil},
		{tools, `{"server":"a","tools":[{"tool":"x","hash":"t1:1"}],"all":true}`, 400, nil},
		{tools, `{"server":"a","tools":["x"]}`, 400, nil},
		{tools, `{"server":"a","tools":[` + strings.Repeat(`{"tool":"x","hash":"1"},`, maxApproved) + `{"tool":"x","hash":"1"}]}`, 400, nil},
		{tools, ``, 400, nil},
	} {
		s, cmds := newTest()
		res := call(t, described{t, loadAPI(t), s}, "POST", c.path, c.body)
		if asked := cmds.take(nil); res.StatusCode != c.status || !slices.Equal(asked, c.asked) {
			t.Errorf("%s %.100s: %s, asked %q; want %d, %q", c.path, c.body, res.Status, asked, c.status, c.asked)
		}
	}
}

func TestApproveToolsAnswers(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("x: %w", ErrUnknownServer), 404, "MPT-SERVER-UNKNOWN"},
		{fmt.Errorf("x: %w", ErrUnknownTool), 404, "MPT-TOOL-UNKNOWN"},
		{fmt.Errorf("x: %w", ErrStaleTool), 409, "MPT-STALE"},
		{fmt.Errorf("x: %w", ErrNotNow), 409, "MPT-NOT-NOW"},
	} {
		s, cmds := newTest()
		cmds.take(c.err)
		res := call(t, described{t, loadAPI(t), s}, "POST", "/api/v1/approvals", `{"server":"a","tools":[{"tool":"x","hash":"t1:1"}]}`)
		if got := bodyOf(t, res); res.StatusCode != c.status || !strings.Contains(got, `"`+c.code+`"`) {
			t.Errorf("%v: %s %s, want %d %s", c.err, res.Status, got, c.status, c.code)
		}
	}
}
