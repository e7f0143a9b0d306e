package search

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSignature(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{``, `f()`},
		{`null`, `f()`},
		{`{"type":"object"}`, `f()`},
		{`{"properties":{"title":{"type":"string"},"labels":{"type":"array","items":{"type":"string"}},"state":{"enum":["open","closed"]}},"required":["title"]}`,
			`f(title: string, labels?: string[], state?: "open"|"closed")`},
		{`{"properties":{"a":{"type":"integer"},"b":{"type":"boolean"}},"required":["b"]}`, `f(b: boolean, a?: integer)`},
		{`{"properties":{"a":{"type":["string","null"]},"b":true,"c":{},"d":{"type":"nonsense"}}}`, `f(a?: string|null, b?: any, c?: any, d?: any)`},
		{`{"properties":{"a":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"string"}]}}}}`, `f(a?: (string|number)[])`},
		{`{"properties":{"a":{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number"}},"required":["x"]}}}`, `f(a?: {x: number, y?: number})`},
		{`{"properties":{"a":{"$ref":"#/$defs/P"}},"$defs":{"P":{"const":"fixed"}}}`, `f(a?: "fixed")`},
		{`{"properties":{"a":{"$ref":"#/definitions/x~1y"}},"definitions":{"x/y":{"type":"null"}}}`, `f(a?: null)`},
		{`{"properties":{"a":{"$ref":"http://elsewhere/"},"b":{"$ref":"#/nowhere"}}}`, `f(a?: any, b?: any)`},
		{`{"properties":{"a":{"allOf":[{"description":"no type"},{"type":"string"}]}}}`, `f(a?: string)`},
		{`{"properties":{"a b":{"type":"string"},"":{"type":"string"},"x\nignore all":{"type":"string"},"größe":{}}}`,
			`f("a b"?: string, ""?: string, "x\nignore all"?: string, "größe"?: any)`},
		{`{"properties":{"a":{"enum":[1,2.5,true,null,{"x":1}]}}}`, `f(a?: 1|2.5|true|null|any)`},
		{`{"properties":{"a":{"enum":[1,2,3,4,5,6,7,8,9]}}}`, `f(a?: 1|2|3|4|5|6|7|8|…)`},
		{`{"properties":{"node":{"$ref":"#"}}}`, `f(node?: {node?: object})`},
		{`{"properties":{"a":{"enum":["` + strings.Repeat("x", 60) + `","` + strings.Repeat("y", 60) + `","z"]}}}`,
			`f(a?: "` + strings.Repeat("x", 48) + `…"|"` + strings.Repeat("y", 48) + `…"|…)`},
		{`{"properties":{"a":{"type":"object","properties":{` + strings.Repeat(`"a_long_name_of_a_field":{"type":"string"},`, 9) + `"b":{}}}}}`, `f(a?: object)`},
		{`{"properties":{"a":{"type":"string"`, `f()`},
	} {
		if got := Signature("f", json.RawMessage(c.schema)); got != c.want {
			t.Errorf("Signature(%s) = %s, want %s", c.schema, got, c.want)
		}
	}
}

func TestSignatureLeavesOutWhatIsTooLong(t *testing.T) {
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf(`"parameter_%d":{"type":"string"}`, i))
	}
	got := Signature("f", json.RawMessage(`{"properties":{`+strings.Join(all, ",")+`},"required":["parameter_49"]}`))
	if !strings.HasPrefix(got, "f(parameter_49: string, parameter_0?: string, ") || !strings.HasSuffix(got, "?: string, …)") {
		t.Errorf("Signature = %s, want the required one, some of the others and a mark", got)
	}
}

func TestToolSignature(t *testing.T) {
	tool := Tool{Name: "s__echo", Definition: `{"name":"echo","inputSchema":{"properties":{"text":{"type":"string"}},"required":["text"]}}`}
	if got, want := tool.Signature(), "s__echo(text: string)"; got != want {
		t.Errorf("Signature() = %s, want %s", got, want)
	}
}

// hostile are schemas that nobody writes to be understood.
func hostile() map[string]string {
	var many, tree strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, `"param_%d":{"$ref":"#/$defs/b"},`, i)
	}
	for range 300 {
		tree.WriteString(`{"type":"object","properties":{"a":`)
	}
	wide := strings.TrimSuffix(strings.Repeat(`{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"},{"$ref":"#/$defs/a"}]},`, 5000), ",")
	return map[string]string{
		"many":   `{"properties":{` + many.String() + `"z":{}},"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`,
		"deep":   tree.String() + `{}` + strings.Repeat(`}}`, 300),
		"enum":   `{"properties":{"a":{"enum":["` + strings.Repeat(`long text","`, 50_000) + `"]}}}`,
		"union":  `{"properties":{"a":{"anyOf":[` + wide + `]}},"$defs":{"a":{"anyOf":[` + wide + `]},"b":{"anyOf":[` + wide + `]}}}`,
		"name":   `{"properties":{"` + strings.Repeat("日", 10_000) + `":{"const":"` + strings.Repeat("日", 10_000) + `"}}}`,
		"needed": `{"properties":{"a":{}},"required":["` + strings.Repeat(`a","`, 100_000) + `"]}`,
	}
}

func TestHostileSignaturesAreShort(t *testing.T) {
	for _, schema := range hostile() {
		checkSignature(t, Signature(strings.Repeat("n", 1000), json.RawMessage(schema)))
	}
}

// TestHostileSignaturesTakeLittleWork has two lists of alternatives that refer to
// each other: whoever follows all of it never ends.
func TestHostileSignaturesTakeLittleWork(t *testing.T) {
	schema := []byte(hostile()["union"])
	s := signer{root: schema, left: maxWork}
	s.kind([]byte(`{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}`), maxNested)
	if s.left < -2*len(schema) || s.refs > maxRefs {
		t.Errorf("read %d bytes and followed %d references", maxWork-s.left, s.refs)
	}
	small := []byte(`{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/c"}]},"b":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/c"}]},"c":{"$ref":"#/$defs/a"}}}`)
	s = signer{root: small, left: maxWork}
	for range 100 {
		s.kind([]byte(`{"$ref":"#/$defs/a"}`), maxNested)
	}
	if s.refs != maxRefs {
		t.Errorf("followed %d references, want %d and no more", s.refs, maxRefs)
	}
}

func checkSignature(t *testing.T, got string) {
	t.Helper()
	if len(got) > 2*maxLabel+maxSignature+20 {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
	if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
		t.Errorf("not one line of text: %q", got)
	}
}

func FuzzSignature(f *testing.F) {
	for _, schema := range hostile() {
		f.Add(schema[:min(len(schema), 2000)])
	}
	f.Add(`{"properties":{"a":{"$ref":"#"},"b":{"type":["array","object"],"items":{"anyOf":[true,{"enum":["\ud800"]}]}}},"required":["b",1]}`)
	f.Fuzz(func(t *testing.T, schema string) {
		checkSignature(t, Signature("name", json.RawMessage(schema)))
		checkSignature(t, Tool{Name: "name", Definition: schema}.Signature())
	})
}
