package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const headed = `{"name":"t","inputSchema":{"type":"object","properties":{
	"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},"b":{"type":"boolean","x-mcp-header":"B"},
	"deep":{"type":"object","properties":{"x":{"type":"string","x-mcp-header":"Deep"}}},"plain":{"type":"string"}}}}`

func TestHeadersRepeatArguments(t *testing.T) {
	for _, c := range []struct {
		name, arguments string
		header          map[string]string
		ok              bool
	}{
		{"none", `{}`, nil, true},
		{"null", `{"region":null}`, nil, true},
		{"no arguments", ``, nil, true},
		{"all", `{"region":"eu","n":7,"b":true,"deep":{"x":"y"},"plain":"z"}`, map[string]string{"Region": "eu", "N": "7", "B": "true", "Deep": "y"}, true},
		{"missing", `{"region":"eu"}`, nil, false},
		{"missing below", `{"deep":{"x":"y"}}`, nil, false},
		{"other", `{"region":"eu"}`, map[string]string{"Region": "us"}, false},
		{"other case", `{"region":"eu"}`, map[string]string{"Region": "EU"}, false},
		{"too much", `{}`, map[string]string{"Region": "eu"}, false},
		{"of a null", `{"region":null}`, map[string]string{"Region": "eu"}, false},
		{"coded", `{"region":"größe"}`, map[string]string{"Region": "=?base64?Z3LDtsOfZQ==?="}, true},
		{"coded badly", `{"region":"größe"}`, map[string]string{"Region": "=?base64?!?="}, false},
		{"escaped", `{"region":"\u0065u"}`, map[string]string{"Region": "eu"}, true},
		{"another number", `{"n":7}`, map[string]string{"N": "8"}, false},
		{"the same number", `{"n":7}`, map[string]string{"N": "7.0"}, true},
		{"a fraction", `{"n":7.5}`, map[string]string{"N": "7.5"}, false},
		{"too big", `{"n":9007199254740993}`, map[string]string{"N": "9007199254740993"}, false},
		{"a list", `{"region":["eu"]}`, map[string]string{"Region": `["eu"]`}, false},
		{"another truth", `{"b":false}`, map[string]string{"B": "true"}, false},
		{"said last", `{"region":"eu","region":"us"}`, map[string]string{"Region": "us"}, true},
	} {
		h := http.Header{}
		for k, v := range c.header {
			h.Set("Mcp-Param-"+k, v)
		}
		params := `{"name":"t","arguments":` + c.arguments + `}`
		if c.arguments == "" {
			params = `{"name":"t"}`
		}
		if got := checkParams(h, headed, json.RawMessage(params)); (got == "") != c.ok {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	h := http.Header{"Mcp-Param-Region": {"eu", "eu"}}
	if checkParams(h, headed, json.RawMessage(`{"arguments":{"region":"eu"}}`)) == "" {
		t.Error("a header that occurs twice passes")
	}
}

func TestCallsWithOtherHeadersAreRefused(t *testing.T) {
	up := answer(`{}`)
	r := start(t, up, Options{})
	connect(r.view, "s", tool("t", headed))
	for path, name := range map[string]string{"/mcp": "s__t", "/mcp/server/s": "t"} {
		c := r.modern(t, path)
		body := `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{` + modernMeta + `,"name":"` + name + `","arguments":{"region":"eu"}}}`
		h := map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": name}
		resp, got := c.post(body, h)
		if resp.StatusCode != http.StatusBadRequest || !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":"x","error":{"code":-32020,`) || up.last() != "" {
			t.Errorf("%s without the header: %s %s", path, resp.Status, got)
		}
		h["Mcp-Param-Region"] = "eu"
		if resp, got := c.post(body, h); resp.StatusCode != http.StatusOK {
			t.Errorf("%s with it: %s %s", path, resp.Status, got)
		}
		up.seen = nil
	}
	if _, got := r.legacy(t, "/mcp").call("s__t", `{"name":"s__t","arguments":{"region":"eu"}}`); !strings.Contains(got, `"result"`) {
		t.Errorf("an older client, which knows no such header: %s", got)
	}
}
