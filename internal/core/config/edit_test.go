package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sameAsAfter fails unless content, which an edit made, parses to want.
func sameAsAfter(t *testing.T, what string, old, content []byte, want *Config) {
	t.Helper()
	got, err := Parse(content)
	if err != nil {
		t.Fatalf("%s broke the file: %v\nbefore:\n%s\nafter:\n%s", what, err, old, content)
	}
	for _, c := range []*Config{got, want} { // places move
		for i := range c.Servers {
			if c.Servers[i].Err != nil {
				c.Servers[i].Err = &Error{Text: c.Servers[i].Err.Text}
			}
		}
	}
	if !got.Equal(want) || len(got.Refused) != len(want.Refused) {
		t.Fatalf("%s: parses to\n%v\nwant\n%v\nbefore:\n%s\nafter:\n%s", what, got.Servers, want.Servers, old, content)
	}
}

func copied(c *Config) *Config {
	out := *c
	out.Servers = slices.Clone(c.Servers)
	return &out
}

func checkSwitch(t *testing.T, data []byte, cfg *Config, name string) {
	t.Helper()
	for _, on := range []bool{true, false} {
		out, err := switchTo(name, on).apply("", data, name)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("switch %q: %v", name, err)
			}
			s, _ := cfg.Server(name)
			if s.Err == nil {
				t.Fatalf("switching the valid server %q: %v", name, err)
			}
			continue
		}
		want := copied(cfg)
		i := slices.IndexFunc(want.Servers, func(s Server) bool { return s.Name == name })
		if e := want.Servers[i].Err; e != nil && strings.Contains(e.Text, "contradict") {
			continue // the switch mended it
		}
		want.Servers[i].Disabled = !on
		sameAsAfter(t, fmt.Sprintf("switch %q to %v", name, on), data, out, want)
	}
}

func checkRemove(t *testing.T, data []byte, cfg *Config, name string) {
	t.Helper()
	out, err := without(name).apply("", data, name)
	if err != nil {
		if len(cfg.Refused) == 0 {
			t.Fatalf("remove %q: %v", name, err)
		}
		return
	}
	want := copied(cfg)
	want.Servers = slices.DeleteFunc(want.Servers, func(s Server) bool { return s.Name == name })
	sameAsAfter(t, fmt.Sprintf("remove %q", name), data, out, want)
}

func checkAdd(t *testing.T, data []byte, cfg *Config, name string, raw json.RawMessage) {
	t.Helper()
	out, err := with(name, raw).apply("", data, name)
	if err != nil {
		if !errors.Is(err, ErrExists) {
			t.Fatalf("add %q: %v\n%s", name, err, data)
		}
		return
	}
	added := mustParse(t, []byte(`{"mcpServers":{"`+name+`":`+string(raw)+`}}`)).Servers
	want := copied(cfg)
	want.Servers = append(want.Servers, added...)
	sameAsAfter(t, fmt.Sprintf("add %q", name), data, out, want)
}

// TestEditsGolden shows each edit as a diff by lines: what is not listed in
// the golden file is byte for byte as before.
func TestEditsGolden(t *testing.T) {
	entry := json.RawMessage(`{"command":"npx","args":["-y","a, b: {c}"],"env":{"N":"1.50"},"x":12345678901234567890}`)
	inputs := []struct {
		name string
		data []byte
	}{
		{"full", read(t, "full.json")}, {"list", read(t, "list.json")}, {"default", Default()},
		{"crlf", []byte("\ufeff{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {\r\n\t\t\t\"command\": \"x\" // why\r\n\t\t},\r\n\t\t\"b\": {\"command\": \"y\",}, // note\r\n\t},\r\n}\r\n")},
		{"one line", []byte(`{"mcpServers":{"a":{"command":"x"},"b":{"command":"y","enabled":true}}}`)},
		{"empty", []byte("{}")}, {"empty servers", []byte("{\n    \"listen\": \"localhost:1\",\n    \"mcpServers\": {\n        // none yet\n    }\n}\n")},
		{"comments", []byte("{\n  \"mcpServers\": {\n    // about a\n    \"a\": { // first\n      // the program\n      \"command\": \"x\" /* c */\n    } /* odd */ , /* b */ \"b\": {\"command\": \"y\"} // last\n    // the end\n  }\n}\n")},
		{"empty entry", []byte("{\"mcpServers\": {\"a\": {}, \"b\": {\n}}}")},
	}
	var out strings.Builder
	for _, in := range inputs {
		cfg := mustParse(t, in.data)
		do := func(what string, e edit, server string) {
			fmt.Fprintf(&out, "=== %s: %s\n", in.name, what)
			content, err := e.apply("", in.data, server)
			if err != nil {
				fmt.Fprintf(&out, "error: %s\n", err.Text)
				return
			}
			out.WriteString(lineDiff(in.data, content))
		}
		for _, s := range cfg.Servers {
			do("enable "+s.Name, switchTo(s.Name, true), s.Name)
			do("disable "+s.Name, switchTo(s.Name, false), s.Name)
			do("remove "+s.Name, without(s.Name), s.Name)
		}
		do("add new", with("new", entry), "new")
	}
	path := filepath.Join("testdata", "edits.golden")
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, "edits.golden")), out.String()); diff != "" {
		t.Errorf("edits differ (-golden +got):\n%s", diff)
	}
}

// lineDiff lists the lines between the common beginning and end, quoted.
func lineDiff(a, b []byte) string {
	x, y := strings.SplitAfter(string(a), "\n"), strings.SplitAfter(string(b), "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	var out strings.Builder
	for _, l := range x {
		fmt.Fprintf(&out, "-%q\n", l)
	}
	for _, l := range y {
		fmt.Fprintf(&out, "+%q\n", l)
	}
	return out.String()
}

// TestSwitchingIsOneLine holds for every server of a file written in lines, and
// switching back and forth ends at the same bytes.
func TestSwitchingIsOneLine(t *testing.T) {
	for _, name := range []string{"full.json", "list.json"} {
		data := read(t, name)
		for _, s := range mustParse(t, data).Servers {
			out, err := switchTo(s.Name, s.Disabled).apply("", data, s.Name)
			if err != nil {
				t.Errorf("%s: %v", s.Name, err)
				continue
			}
			if diff := lineDiff(data, out); strings.Count(diff, "\n-")+strings.Count(diff, "\n+") > 1 || diff == "" {
				t.Errorf("%s: switching changed more than a line:\n%s", s.Name, diff)
			}
			back, err := switchTo(s.Name, !s.Disabled).apply("", out, s.Name)
			if err != nil {
				t.Fatal(err)
			}
			again, err := switchTo(s.Name, s.Disabled).apply("", back, s.Name)
			if err != nil || !bytes.Equal(out, again) {
				t.Errorf("%s: switched twice more differs (%v):\n%s", s.Name, err, lineDiff(out, again))
			}
		}
	}
}

// TestRandomEdits: for random files, Parse(edit(x)) == edit(Parse(x)).
func TestRandomEdits(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 600 {
		data := randomFile(rng)
		cfg, err := Parse(data)
		if err != nil {
			t.Fatalf("random file: %v\n%s", err, data)
		}
		for _, s := range cfg.Servers {
			checkSwitch(t, data, cfg, s.Name)
			checkRemove(t, data, cfg, s.Name)
		}
		checkAdd(t, data, cfg, "new one", json.RawMessage(`{"url": "http://localhost/x", "headers": {"A": "b"}, "name": "new one"}`))
	}
}

// randomFile writes a valid file in a random style.
func randomFile(r *rand.Rand) []byte {
	var b strings.Builder
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	nl := pick("\n", "\r\n")
	gap := func() string {
		return pick("", "", " ", "\t", nl, nl+"  ", nl+"\t\t", " /* c, } */ ", " // c: {"+nl, nl+"  // x"+nl+"  ", "/* a"+nl+" b */")
	}
	join := func(open, end string, items []string) string {
		tail := pick("", "", ",")
		if len(items) == 0 {
			tail = ""
		}
		return open + gap() + strings.Join(items, gap()+","+gap()) + gap() + tail + gap() + end
	}
	list := r.IntN(3) == 0
	var servers []string
	for i := range r.IntN(5) {
		name := fmt.Sprintf(`"s%d%s"`, i, pick("", " ä", "-x", `\u00e9`))
		items := []string{pick(`"command": "x"`, `"url":"http://h/"`, `"command" : 7`)}
		for _, extra := range []string{`"args": ["a", "b"]`, `"env": {"A": "1"}`, `"zz": {"q": [1e5, 2.0]}`, pick(`"enabled": true`, `"disabled" :false`, `"enabled":false`)} {
			if r.IntN(2) == 0 {
				items = append(items, extra)
			}
		}
		if list {
			items = append(items, `"name":`+gap()+name)
		}
		r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		if entry := join("{", "}", items); list {
			servers = append(servers, entry)
		} else {
			servers = append(servers, name+gap()+":"+gap()+entry)
		}
	}
	top := []string{`"other": [1.10, {"x": null}]`}
	switch {
	case list:
		top = append(top, `"mcpServers": `+join("[", "]", servers))
	case len(servers) > 0 || r.IntN(2) == 0:
		top = append(top, `"mcpServers": `+join("{", "}", servers))
	}
	r.Shuffle(len(top), func(i, j int) { top[i], top[j] = top[j], top[i] })
	b.WriteString(pick("", "\ufeff", "// head"+nl) + join("{", "}", top) + gap() + pick("", nl))
	return []byte(b.String())
}

func TestEditsRefused(t *testing.T) {
	file := `{"mcpServers": {"a": {"command": "x"}, "A": {"command": "y"}, "b": {"command": "x", "enabled": 1}, "c": 5, "d": {"command": "x"}}}`
	add := func(name, raw string) edit { return with(name, json.RawMessage(raw)) }
	for _, c := range []struct {
		name string
		edit edit
		file string
		want error
	}{
		{"enable unknown", switchTo("zz", true), file, ErrUnknownServer},
		{"enable refused name", switchTo("A", true), file, ErrUnknownServer},
		{"remove unknown", without("zz"), file, ErrUnknownServer},
		{"remove one of two", without("a"), file, ErrInvalid},
		{"switch of wrong type", switchTo("b", false), file, ErrInvalid},
		{"entry not an object", switchTo("c", false), file, ErrInvalid},
		{"add existing", add("d", `{"command":"x"}`), file, ErrExists},
		{"add existing in other case", add("D", `{"command":"x"}`), file, ErrExists},
		{"add hostile name", add("../x", `{"command":"x"}`), file, ErrInvalid},
		{"add no JSON", add("n", `{command}`), file, ErrInvalid},
		{"add nothing", add("n", ``), file, ErrInvalid},
		{"add text", add("n", `"x"`), file, ErrInvalid},
		{"add useless", add("n", `{}`), file, ErrInvalid},
		{"add other name", add("n", `{"name":"m","command":"x"}`), file, ErrInvalid},
		{"add to broken file", add("n", `{"command":"x"}`), file[:50], ErrInvalid},
		{"enable in broken file", switchTo("a", true), file[:50], ErrInvalid},
		{"remove from empty file", without("a"), "", ErrInvalid},
	} {
		_, err := c.edit.apply("f.json", []byte(c.file), "x")
		if !errors.Is(err, c.want) || err.Text == "" || err.Hint == "" {
			t.Errorf("%s: %#v, want %v", c.name, err, c.want)
		}
	}
}
