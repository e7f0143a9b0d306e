package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

// TestToolsAreShownAsTheyAre: with names of any kind, numbers as written and
// definitions of any quality, held ones included.
func TestToolsAreShownAsTheyAre(t *testing.T) {
	s, _ := newTest()
	s.opt.View.UpdateServer("odd", func(st *stateview.ServerStatus) {
		st.Tools = stateview.NewToolList([]stateview.Tool{
			{Name: "a/b é", Definition: `{"name":"a/b é","title":"T","inputSchema":{"default":12345678901234567890.00}}`},
			{Name: "torn", Definition: `{"name"`},
			{Name: "numb", Definition: `{"name":"numb","title":7}`, Held: true},
		})
	})
	var list serverToolsJSON
	if err := json.Unmarshal([]byte(bodyOf(t, call(t, s, "GET", "/api/v1/servers/odd/tools", ""))), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Tools) != 3 || list.Version != 2 || list.Server != "odd" || list.Tools[0].Title != "T" || !list.Tools[2].Held || list.Tools[0].Definition != nil {
		t.Errorf("%+v", list)
	}
	for path, want := range map[string]string{
		"a%2Fb%20%C3%A9": `"definition":{"name":"a/b é","title":"T","inputSchema":{"default":12345678901234567890.00}}`,
		"torn":           `"tool":{"name":"torn","held":false}}`,
		"numb":           `"definition":{"name":"numb","title":7}`,
	} {
		res := call(t, s, "GET", "/api/v1/servers/odd/tools/"+path, "")
		if body := bodyOf(t, res); res.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %s %s, want %s", path, res.Status, body, want)
		}
	}
	wantError(t, "no tool", call(t, s, "GET", "/api/v1/servers/odd/tools/nothing", ""), 404, "MPT-TOOL-UNKNOWN")
	wantError(t, "no server", call(t, s, "GET", "/api/v1/servers/nobody/tools/nothing", ""), 404, "MPT-SERVER-UNKNOWN")
	wantError(t, "no server", call(t, s, "GET", "/api/v1/servers/nobody/tools", ""), 404, "MPT-SERVER-UNKNOWN")
	if body := bodyOf(t, call(t, s, "GET", "/api/v1/servers/linear/tools", "")); !strings.Contains(body, `"tools":[]`) {
		t.Errorf("none: %s", body)
	}
}
