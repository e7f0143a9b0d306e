package jsonc

import (
	"strings"
	"testing"

	"github.com/tailscale/hujson"
)

func mustParse(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return d
}

func TestErrorsHavePlaces(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "1:1: The file ends too early.",
		"{\n  \"a\": [1, 2\n":        "3:1: The file ends too early: the [ of line 2 is not closed.",
		"{\"a\": 1\n \"b\": 2}":      "2:2: A comma or } is missing before “\"b\":”.",
		"\ufeff{\"ä€😀\": 1 x}":       "1:11: A comma or } is missing before “x}”.",
		"{\"a\": \"\xff\"}":          "1:8: There is a byte here that is not UTF-8 text.",
		"[\u202e1]":                  "1:2: A value is expected here, not “\\u202e1]”.",
		`{"a": "C:\path"}`:           `1:7: This is no JSON value: “"C:\path"}”.`,
		strings.Repeat("[", 100_000): "1:201: More than 200 brackets are nested here.",
		"{\n \"a: 1\n}":              "2:2: The text that begins here has no closing quote on its line.",
	} {
		_, err := Parse([]byte(text))
		if err == nil || err.Error() != want || err.Hint == "" {
			t.Errorf("Parse(%.40q) = %v, want %s", text, err, want)
		}
	}
}

// TestPlacesCanBeAskedForInAnyOrder: they are cheap in order, and right in any.
func TestPlacesCanBeAskedForInAnyOrder(t *testing.T) {
	const text = "{\n\"ä\": [1,\n 2]}\n"
	d := mustParse(t, text)
	for _, at := range []string{"2]", "{", "1,", "ä", "1,", "2]"} {
		offset := strings.Index(text, at)
		before := text[:offset]
		line, column := strings.Count(before, "\n")+1, len([]rune(before[strings.LastIndex(before, "\n")+1:]))+1
		if l, c := d.Place(offset); l != line || c != column {
			t.Errorf("Place(%q) = %d:%d, want %d:%d", at, l, c, line, column)
		}
	}
}

// TestSplices changes lists in the styles that people write them in.
func TestSplices(t *testing.T) {
	raw := []byte(`{"x":[1.50,"a: b, c"]}`)
	for _, c := range []struct{ before, removed, appended string }{
		{"[1, 2]", "[2]", `[1, 2, {"x": [1.50, "a: b, c"]}]`},
		{"[1]", "[]", `[1, {"x": [1.50, "a: b, c"]}]`},
		{"[\n\t1, // one\n\t2,\n]\n", "[\n\t // one\n\t2,\n]\n", "[\n\t1, // one\n\t2,\n\t{\"x\": [1.50, \"a: b, c\"]},\n]\n"},
		{"[\r\n  1,\r\n  2 // two\r\n]", "[\r\n  2 // two\r\n]", "[\r\n  1,\r\n  2, // two\r\n  {\"x\": [1.50, \"a: b, c\"]}\r\n]"},
		{"\ufeff[ /* a */ 1 /* b */ , 2]", "\ufeff[ /* a */  /* b */  2]", "\ufeff[ /* a */ 1 /* b */ , 2, {\"x\": [1.50, \"a: b, c\"]}]"},
	} {
		d := mustParse(t, c.before)
		removed := string(d.Spliced(d.Remove(&d.Root, 0)...))
		appended := string(d.Spliced(d.AppendValue(&d.Root, "", raw)...))
		if removed != c.removed {
			t.Errorf("%q without its first = %q, want %q", c.before, removed, c.removed)
		}
		if appended != c.appended {
			t.Errorf("%q with one more = %q, want %q", c.before, appended, c.appended)
		}
		mustParse(t, removed)
		mustParse(t, appended)
	}
}

// TestReplaceValue writes a value in the style of the one before it.
func TestReplaceValue(t *testing.T) {
	for before, want := range map[string]string{
		"{ \"a\": {\"x\":1} } // c":         "{ \"a\": {\"y\": [2]} } // c",
		"\ufeff{\r\n\t\"a\": {\r\n\t}\r\n}": "\ufeff{\r\n\t\"a\": {\r\n\t\t\"y\": [\r\n\t\t\t2\r\n\t\t]\r\n\t}\r\n}",
	} {
		d := mustParse(t, before)
		m, _ := Member(d.Root.Value.(*hujson.Object), "a")
		if got := string(d.Spliced(d.ReplaceValue(&m.Value, []byte(`{"y":[2]}`)))); got != want {
			t.Errorf("%q replaced = %q, want %q", before, got, want)
		}
		if text := d.ValueText(&m.Value); !strings.HasPrefix(text, "{") || !strings.Contains(before, text) {
			t.Errorf("ValueText = %q", text)
		}
	}
}

func TestMembers(t *testing.T) {
	d := mustParse(t, `{"a": 1, "\u0062": "\u00e9", "a": 2}`)
	obj := d.Root.Value.(*hujson.Object)
	if m, twice := Member(obj, "a"); m == nil || !twice {
		t.Errorf("Member(a) = %v, %v", m, twice)
	}
	if m, twice := Member(obj, "b"); m == nil || twice || Text(m.Value.Value.(hujson.Literal)) != "é" {
		t.Errorf("Member(b) = %v, %v", m, twice)
	}
	if m, _ := Member(obj, "c"); m != nil {
		t.Errorf("Member(c) = %v", m)
	}
}

// FuzzSplices: whatever parses can be changed at each place, and still parses.
func FuzzSplices(f *testing.F) {
	for _, seed := range []string{"{}", "[1,2,]", "{\"a\":[],\n}", "[ /* x */ 1 // y\n, 2]", "\ufeff[\r\n1]", "[[],{}]//"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		n := len(blockOf(&d.Root).items)
		for i := range min(n, 4) {
			if _, err := Parse(d.Spliced(d.Remove(&d.Root, i)...)); err != nil {
				t.Fatalf("%q without item %d: %v", data, i, err)
			}
		}
		prefix := map[byte]string{'{': `"new": `, '[': ""}
		if p, list := prefix[byte(d.Root.Value.Kind())]; list {
			if out := d.Spliced(d.AppendValue(&d.Root, p, []byte(`[1]`))...); len(blockOf(&mustParse(t, string(out)).Root).items) != n+1 {
				t.Fatalf("%q with one more: %q", data, out)
			}
		}
	})
}
