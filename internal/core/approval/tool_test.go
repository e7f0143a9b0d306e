package approval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

const sample = `{"name":"read","title":"Read","description":"Reads a file.","inputSchema":{"type":"object","properties":{"n":{"type":"number","default":1},"p":{"enum":["a","b",null,true]}}},"outputSchema":{"type":"object"},"annotations":{"readOnlyHint":true},"icons":[{"src":"x"}],"_meta":{"v":1}}`

func hashOf(t *testing.T, definition string) string {
	t.Helper()
	h, err := ToolHash([]byte(definition))
	if err != nil {
		t.Fatalf("ToolHash(%s): %v", definition, err)
	}
	return h
}

// TestToolHashIsStable pins the formula: stored approvals depend on it.
func TestToolHashIsStable(t *testing.T) {
	const want = "t1:cf6d364180101eb16731c8e62e3f3414cc2cf74f2d68c6595d9cb0c432c9e975"
	if got := hashOf(t, sample); got != want {
		t.Errorf("ToolHash(sample) = %s, want %s", got, want)
	}
}

func TestToolHashIgnoresHowItIsWritten(t *testing.T) {
	for name, same := range map[string]string{
		"space":             " \n" + strings.ReplaceAll(sample, `,"`, ",\r\n\t\"") + " ",
		"order":             `{"_meta":{"v":1},` + strings.Replace(sample[1:], `,"_meta":{"v":1}`, "", 1),
		"order further in":  strings.Replace(sample, `"type":"number","default":1`, `"default":1,"type":"number"`, 1),
		"escaped name":      strings.Replace(sample, `"name"`, `"n\u0061me"`, 1),
		"escaped text":      strings.Replace(sample, `Reads`, `\u0052\u0065ads`, 1),
		"escaped solidus":   strings.Replace(sample, `"x"`, `"\u0078"`, 1),
		"escape in capital": strings.Replace(sample, `a file`, `a \u0066ile`, 1),
	} {
		if same == sample {
			t.Errorf("%s: the text is the same", name)
		}
		if hashOf(t, same) != hashOf(t, sample) {
			t.Errorf("%s changes the hash", name)
		}
	}
	if hashOf(t, `{"name":"\uD83D\uDE00"}`) != hashOf(t, `{"name":"😀"}`) {
		t.Error("an escaped pair is not the character it stands for")
	}
}

func TestToolHashHoldsEveryChange(t *testing.T) {
	seen := map[string]string{hashOf(t, sample): "nothing"}
	for _, c := range [][2]string{
		{`"name":"read"`, `"name":"Read"`}, {`"title":"Read"`, `"title":"Read "`}, {`"title":"Read",`, ``},
		{`Reads a file.`, `Reads a file`}, {`Reads a file.`, "Reads a\u200bfile."}, {`Reads a file.`, `Reads a file.\u0000`},
		{`"description":"Reads a file."`, `"description":null`}, {`"description":"Reads a file.",`, ``}, {`"description":`, `"Description":`},
		{`"default":1`, `"default":1.0`}, {`"default":1`, `"default":1e0`}, {`"default":1`, `"default":"1"`}, {`"default":1`, `"default":-1`},
		{`"default":1`, `"default":10000000000000000000001`}, {`"default":1`, `"default":10000000000000000000002`},
		{`["a","b",null,true]`, `["b","a",null,true]`}, {`["a","b",null,true]`, `["a","b",null]`}, {`["a","b",null,true]`, `["a","b",null,false]`},
		{`["a","b",null,true]`, `["ab",null,true]`}, {`["a","b",null,true]`, `[["a","b"],null,true]`}, {`["a","b",null,true]`, `{"a":"b"}`},
		{`,"outputSchema":{"type":"object"}`, ``}, {`"outputSchema":{"type":"object"}`, `"outputSchema":{}`}, {`"outputSchema"`, `"outputschema"`},
		{`"readOnlyHint":true`, `"readOnlyHint":false`}, {`"readOnlyHint":true`, ``}, {`,"annotations":{"readOnlyHint":true}`, ``},
		{`"readOnlyHint":true`, `"readOnlyHint":true,"destructiveHint":false`}, {`"src":"x"`, `"src":"y"`}, {`"v":1`, `"v":2`}, {`"_meta":{"v":1}`, `"_meta":{"v":1},"execution":{}`},
		{`,"_meta":{"v":1}`, ``},
	} {
		changed := strings.Replace(sample, c[0], c[1], 1)
		if changed == sample {
			t.Fatalf("%q is not in the sample", c[0])
		}
		h := hashOf(t, changed)
		if other, ok := seen[h]; ok {
			t.Errorf("ToolHash does not tell %q from %q", c[1], other)
		}
		seen[h] = c[1]
	}
}

func TestToolHashRefuses(t *testing.T) {
	deep := func(n int) string {
		return `{"name":"x","inputSchema":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	for name, text := range map[string]string{
		"nothing": ``, "no object": `[]`, "cut": `{"name":"x"`, "more than one": `{"name":"x"}{}`, "not JSON": `{"name":"x",}`,
		"no name": `{}`, "name that is no string": `{"name":5}`, "name null": `{"name":null}`,
		"name twice": `{"name":"x","name":"y"}`, "name twice, escaped": `{"name":"x","n\u0061me":"x"}`,
		"name twice further in": `{"name":"x","inputSchema":{"a":[{"b":1,"b":1}]}}`,
		"invalid UTF-8":         "{\"name\":\"x\xff\"}", "overlong": "{\"name\":\"\xc0\xaf\"}", "raw surrogate": "{\"name\":\"\xed\xa0\x80\"}",
		"high half":      `{"name":"\uD83D"}`,
		"high, text":     `{"name":"\ud83dx\ude00"}`,
		"high, escape":   `{"name":"\ud83d\n"}`,
		"high, high":     `{"name":"\ud83d\ud83d\ude00"}`,
		"low half":       `{"name":"\uDE00"}`,
		"low, high":      `{"name":"\ude00\ud83d"}`,
		"half in a name": `{"name":"x","\ud83d":1}`,
		"halves apart":   `{"name":"\ud83d","title":"\ude00"}`,
		"too deep":       deep(maxToolDepth),
		"too large":      `{"name":"` + strings.Repeat("x", MaxToolBytes) + `"}`,
	} {
		if h, err := ToolHash([]byte(text)); err == nil || h != "" {
			t.Errorf("%s: ToolHash = %q, %v, want an error", name, h, err)
		}
	}
	for name, text := range map[string]string{
		"deep": deep(maxToolDepth - 1), "escaped backslash": `{"name":"\\ud83d"}`, "two pairs": `{"name":"\ud83d\ude00\ud83d\ude00x"}`,
		"large": `{"name":"` + strings.Repeat("x", MaxToolBytes-11) + `"}`,
	} {
		if _, err := ToolHash([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A writer writes a value as JSON in one of the ways that mean the same.
type writer struct {
	rng *rand.Rand
	b   bytes.Buffer
}

func (w *writer) space() { w.b.WriteString(" \n\t"[:w.rng.IntN(3)]) }

func (w *writer) value(v any) {
	w.space()
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		w.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		w.b.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.value(name)
			w.b.WriteByte(':')
			w.value(v[name])
		}
		w.b.WriteByte('}')
	case []any:
		w.b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.value(e)
		}
		w.b.WriteByte(']')
	case string:
		w.b.WriteByte('"')
		for _, r := range v {
			if r < 0x10000 && (w.rng.IntN(3) == 0 || r < 0x20 || r == '"' || r == '\\') {
				fmt.Fprintf(&w.b, `\u%04x`, r)
			} else {
				w.b.WriteRune(r)
			}
		}
		w.b.WriteByte('"')
	case json.Number:
		w.b.WriteString(string(v))
	default:
		fmt.Fprint(&w.b, map[any]string{nil: "null", true: "true", false: "false"}[v])
	}
	w.space()
}

func write(rng *rand.Rand, v any) []byte {
	w := &writer{rng: rng}
	w.value(v)
	return w.b.Bytes()
}

func word(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(4) {
		b.WriteRune([]rune("ab\x00\"\\s{[é\u202e😀")[rng.IntN(11)])
	}
	return b.String()
}

// random returns a value of JSON.
func random(rng *rand.Rand, depth int) any {
	switch n := rng.IntN(7); {
	case n == 0 && depth < 4:
		m := map[string]any{}
		for range rng.IntN(4) {
			m[word(rng)] = random(rng, depth+1)
		}
		return m
	case n == 1 && depth < 4:
		a := []any{}
		for range rng.IntN(4) {
			a = append(a, random(rng, depth+1))
		}
		return a
	case n < 4:
		return word(rng)
	case n == 4:
		return json.Number([]string{"0", "-0", "0.0", "1", "1.0", "10e-1", "12345678901234567890"}[rng.IntN(7)])
	}
	return []any{nil, true, false}[rng.IntN(3)]
}

func randomTool(rng *rand.Rand) map[string]any {
	tool := map[string]any{"name": word(rng)}
	for _, f := range []string{"title", "description", "inputSchema", "outputSchema", "annotations", "icons", "_meta", word(rng)} {
		if f != "name" && rng.IntN(2) == 0 {
			tool[f] = random(rng, 0)
		}
	}
	return tool
}

// TestToolHashIsOneToOne compares random tools, each written in two ways: the hashes are
// equal where the tools are, and only there.
func TestToolHashIsOneToOne(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	seen := map[string]map[string]any{}
	for range 5000 {
		tool := randomTool(rng)
		a, b := string(write(rng, tool)), string(write(rng, tool))
		h := hashOf(t, a)
		if h != hashOf(t, b) {
			t.Fatalf("%s and %s have different hashes", a, b)
		}
		if other, ok := seen[h]; ok && !reflect.DeepEqual(tool, other) {
			t.Fatalf("%#v and %#v have the same hash", tool, other)
		}
		seen[h] = tool
	}
	if len(seen) < 1000 {
		t.Errorf("only %d different tools were made", len(seen))
	}
}

func TestHeldTools(t *testing.T) {
	a, b, bad := ToolID{"a", "t1:1"}, ToolID{"b", "t1:2"}, ToolID{"bad", ""}
	all := map[ToolID]bool{a: true, b: true, bad: true}
	for _, c := range []struct {
		name       string
		quarantine bool
		approved   map[ToolID]bool
		list       []ToolID
		want       []bool
	}{
		{"none", true, all, nil, []bool{}},
		{"approved", true, all, []ToolID{b, a}, []bool{false, false}},
		{"nothing approved", true, nil, []ToolID{a, b}, []bool{true, true}},
		{"one added", true, map[ToolID]bool{a: true}, []ToolID{a, b}, []bool{false, true}},
		{"changed", true, all, []ToolID{{"a", "t1:2"}}, []bool{true}},
		{"another's hash", true, map[ToolID]bool{a: true}, []ToolID{{"b", "t1:1"}}, []bool{true}},
		{"no hash", true, all, []ToolID{bad}, []bool{true}},
		{"gate off", false, nil, []ToolID{a, bad}, []bool{false, false}},
	} {
		if got := HeldTools(c.quarantine, c.approved, c.list); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: HeldTools = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTakesFirst(t *testing.T) {
	yes, look := Record{Server: "s", LaunchID: "a"}, Record{Server: "s", LaunchID: "a", Review: true}
	took := FirstList{Server: "s", LaunchID: "a"}
	for _, c := range []struct {
		name       string
		quarantine bool
		id         string
		approvals  []Record
		taken      []FirstList
		want       bool
	}{
		{"approved", true, "a", []Record{yes}, nil, true},
		{"never approved", true, "a", nil, nil, false},
		{"another launch approved", true, "b", []Record{yes}, nil, false},
		{"to be looked at", true, "a", []Record{look}, nil, false},
		{"to be looked at, approved again", true, "a", []Record{look, yes}, nil, false},
		{"taken", true, "a", []Record{yes}, []FirstList{took}, false},
		{"another launch's taken", true, "b", []Record{yes, {Server: "s", LaunchID: "b"}}, []FirstList{took}, true},
		{"gate off", false, "a", []Record{yes}, nil, false},
		{"nothing to launch", true, "", []Record{{Server: "s"}}, nil, false},
	} {
		if got := TakesFirst(c.quarantine, c.id, c.approvals, c.taken); got != c.want {
			t.Errorf("%s: TakesFirst = %v, want %v", c.name, got, c.want)
		}
	}
}

// FuzzToolHash compares with what encoding/json understands: a definition that has a
// hash has the same one written anew, and its meaning is in the bytes that are hashed.
func FuzzToolHash(f *testing.F) {
	for _, s := range []string{sample, `{"name":"\uD83D\uDE00","x":[1,1.0,-0,{"a":null}]}`, `{"name":"a","n\u0061me":1}`, "{\"name\":\"\xff\"}"} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		h, err := ToolHash(text)
		if err != nil {
			if h != "" {
				t.Fatalf("a hash beside %v", err)
			}
			return
		}
		if !utf8.Valid(text) || !json.Valid(text) {
			t.Fatal("a hash of what is not JSON")
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var v map[string]any
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		again := write(rand.New(rand.NewPCG(seed, 3)), v)
		if len(again) > MaxToolBytes {
			return
		}
		if other, err := ToolHash(again); err != nil || other != h {
			t.Fatalf("written anew as %s: %s, %v, want %s", again, other, err, h)
		}
		v["name"] = v["name"].(string) + "x"
		if other, err := ToolHash(write(rand.New(rand.NewPCG(seed, 3)), v)); err == nil && other == h {
			t.Fatal("another name has the same hash")
		}
	})
}
