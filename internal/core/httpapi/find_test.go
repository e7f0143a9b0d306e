package httpapi

import (
	"testing"
)

func TestFindTools(t *testing.T) {
	var asked []ToolQuery
	s, _ := newTest(func(o *Options) {
		o.FindTools = func(q ToolQuery) []FoundTool {
			asked = append(asked, q)
			if q.Limit == 1 {
				return nil
			}
			return []FoundTool{{Name: "filesystem__read", Server: "filesystem", Own: "read", Score: 1.5, Signature: "read(path: string)", Description: "Reads a file."}}
		}
	})
	found := `{"tools":[{"name":"filesystem__read","server":"filesystem","tool":"read","score":1.5,"signature":"read(path: string)","description":"Reads a file."}]}`
	for query, want := range map[string]struct {
		asked ToolQuery
		body  string
	}{
		"?q=read+a%20file":                   {ToolQuery{Text: "read a file", Limit: 8}, found},
		"?q=x&limit=50&server=filesystem":    {ToolQuery{Text: "x", Server: "filesystem", Limit: 50}, found},
		"?q=nothing%20of%20the%20so&limit=1": {ToolQuery{Text: "nothing of the so", Limit: 1}, `{"tools":[]}`},
	} {
		asked = nil
		res := call(t, s, "GET", "/api/v1/tools/search"+query, "")
		if body := bodyOf(t, res); res.StatusCode != 200 || body != want.body+"\n" || len(asked) != 1 || asked[0] != want.asked {
			t.Errorf("%s: %s %s, asked %+v; want %+v", query, res.Status, body, asked, want)
		}
	}
	asked = nil
	for query, want := range map[string]struct {
		status int
		code   string
	}{
		"":                  {400, "MPT-HTTP-QUERY"},
		"?q=":               {400, "MPT-HTTP-QUERY"},
		"?q=+":              {400, "MPT-HTTP-QUERY"},
		"?q=a&limit=0":      {400, "MPT-HTTP-QUERY"},
		"?q=a&limit=51":     {400, "MPT-HTTP-QUERY"},
		"?q=a&limit=1e1":    {400, "MPT-HTTP-QUERY"},
		"?query=a":          {400, "MPT-HTTP-QUERY"},
		"?q=a&server=":      {404, "MPT-SERVER-UNKNOWN"},
		"?q=a&server=nobod": {404, "MPT-SERVER-UNKNOWN"},
	} {
		wantError(t, query, call(t, s, "GET", "/api/v1/tools/search"+query, ""), want.status, want.code)
	}
	if asked != nil {
		t.Errorf("searched for %+v", asked)
	}
	none, _ := newTest()
	wantError(t, "none", call(t, none, "GET", "/api/v1/tools/search?q=a", ""), 409, "MPT-UNAVAILABLE")
}
