package mcpheader

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestEncode(t *testing.T) {
	for v, want := range map[string]string{
		"":                     "",
		"eu west":              "eu west",
		" eu":                  "=?base64?IGV1?=",
		"eu\t":                 "=?base64?ZXUJ?=",
		"größe":                "=?base64?Z3LDtsOfZQ==?=",
		"a\r\nX: y":            "=?base64?YQ0KWDogeQ==?=",
		"=?base64?ZXU=?=":      "=?base64?PT9iYXNlNjQ/WlhVPT89?=",
		strings.Repeat("~", 3): "~~~",
	} {
		got := Encode(v)
		if got != want {
			t.Errorf("Encode(%q) = %q, want %q", v, got, want)
		}
		if back, ok := Decode(got); !ok || back != v {
			t.Errorf("Decode(%q) = %q, %v", got, back, ok)
		}
	}
	if v, ok := Decode("=?base64?!?="); ok {
		t.Errorf("what is wrapped badly is %q", v)
	}
	if v, ok := Decode("=?base64?open"); !ok || v != "=?base64?open" {
		t.Errorf("what is not wrapped to its end is %q, %v", v, ok)
	}
}

// tool is one with these properties.
func tool(properties string) string {
	return `{"name":"t","inputSchema":{"type":"object","properties":{` + properties + `}}}`
}

func TestParams(t *testing.T) {
	region := Param{[]string{"region"}, "Mcp-Param-Region"}
	for _, c := range []struct {
		name, properties string
		want             []Param
	}{
		{"none", `"region":{"type":"string"}`, nil},
		{"one", `"region":{"type":"string","x-mcp-header":"Region"},"q":{"type":"string"}`, []Param{region}},
		{"below another", `"deep":{"type":"object","properties":{"x":{"type":"boolean","x-mcp-header":"Deep"}}}`, []Param{{[]string{"deep", "x"}, "Mcp-Param-Deep"}}},
		{"two alike", `"region":{"type":"string","x-mcp-header":"Region"},"r":{"type":"string","x-mcp-header":"REGION"}`, nil},
		{"no name", `"region":{"type":"string","x-mcp-header":"Region"},"r":{"type":"string","x-mcp-header":""}`, nil},
		{"no string", `"region":{"type":"string","x-mcp-header":7}`, nil},
		{"no token", `"region":{"type":"string","x-mcp-header":"Re gion"}`, nil},
		{"two lines", `"region":{"type":"string","x-mcp-header":"Region\r\nX"}`, nil},
		{"an object", `"region":{"type":"object","x-mcp-header":"Region"}`, nil},
		{"a number", `"region":{"type":"number","x-mcp-header":"Region"}`, nil},
		{"no type", `"region":{"x-mcp-header":"Region"}`, nil},
		{"the words elsewhere", `"region":{"type":"string","description":"x-mcp-header"}`, nil},
	} {
		if got := Params(tool(c.properties)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	deep := `{"name":"t","inputSchema":` + strings.Repeat(`{"properties":{"p":`, 500) + `{"x-mcp-header":"X"}` + strings.Repeat("}}", 500) + "}"
	if got := Params(deep); got != nil {
		t.Errorf("500 properties in one another: %v", got)
	}
}

func TestBook(t *testing.T) {
	var b Book
	set := func(arguments string) http.Header {
		h := http.Header{}
		b.Set(h, json.RawMessage(`{"name":"t","arguments":`+arguments+`}`))
		return h
	}
	if got := set(`{"region":"eu"}`); len(got) != 0 {
		t.Errorf("of nothing learned: %v", got)
	}
	list := fmt.Sprintf(`{"tools":[{"name":"other"},{},7,%s]}`, tool(`"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},"b":{"type":"boolean","x-mcp-header":"B"}`))
	b.NoteList(json.RawMessage(list))
	for arguments, want := range map[string]map[string]string{
		`{"region":"eu","n":7,"b":false,"q":1}`: {"Region": "eu", "N": "7", "B": "false"},
		`{"region":"größe","n":7.0}`:            {"Region": "=?base64?Z3LDtsOfZQ==?=", "N": "7"},
		`{"region":null}`:                       {},
		`{}`:                                    {},
		`[]`:                                    {},
		`{"region":["eu"],"n":7.5}`:             {},
		`{"n":9007199254740993}`:                {},
		`{"n":1e3,"region":""}`:                 {"N": "1000", "Region": ""},
		`{"region":"\u0065u"}`:                  {"Region": "eu"},
	} {
		h := http.Header{}
		for k, v := range want {
			h.Set(Prefix+k, v)
		}
		if got := set(arguments); !reflect.DeepEqual(got, h) {
			t.Errorf("%s: %v, want %v", arguments, got, h)
		}
	}
	b.Note("t", tool(""))
	if got := set(`{"region":"eu"}`); len(got) != 0 {
		t.Errorf("of a tool that changed: %v", got)
	}
}

func FuzzParams(f *testing.F) {
	f.Add(tool(`"region":{"type":"string","x-mcp-header":"Region"}`), `{"name":"t","arguments":{"region":" é"}}`)
	f.Fuzz(func(t *testing.T, definition, params string) {
		var b Book
		b.Note("t", definition)
		h := http.Header{}
		b.Set(h, json.RawMessage(params))
		for _, p := range Params(definition) {
			arg := p.Argument(json.RawMessage(params))
			if said := h.Values(p.Header); len(said) == 1 && !p.Says(said[0], arg) {
				t.Errorf("%s: %q does not say %s", p.Header, said[0], arg)
			}
		}
	})
}
