package proxy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var accepted = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func TestToolName(t *testing.T) {
	long := strings.Repeat("l", 70)
	for _, c := range []struct{ server, tool, want string }{
		{"everything", "echo", "everything__echo"},
		{"my-server_2", "getThing", "my-server_2__getThing"},
		{"a", "_b", "a___b"},
		{"a", "b__c", "a__b__c"},
		{"a_", "b", "a___b_#"},         // its plain name is the one above
		{"a__b", "c", "a__b__c_#"},     // and its, the one above that
		{"a", "b.c/d", "a__b_c_d_#"},   // allowed by the protocol, not by all clients
		{"größe", "日本", "gr__e_____#"}, // a character becomes one underscore
		{"", "t", "__t_#"},
		{"s", "", "s___#"},
		{"s", "t_abcdefghijkl", "s__t_abcdefghijkl_#"}, // looks like a digest
		{"s", long, "s__" + long[:48] + "_#"},
		{long, "t", long[:48] + "__t_#"},
		{long, long, long[:16] + "__" + long[:33] + "_#"},
	} {
		id := toolID{c.server, c.tool}
		want := strings.Replace(c.want, "#", digest(id), 1)
		if got := toolName(id); got != want || !accepted.MatchString(got) {
			t.Errorf("toolName(%q, %q) = %s, want %s", c.server, c.tool, got, want)
		}
	}
}

// TestToolNameIsStable holds the digest itself: clients keep names in their own settings.
func TestToolNameIsStable(t *testing.T) {
	if got, want := toolName(toolID{"alpha", "odd one"}), "alpha__odd_one_sevwvwk43gnw"; got != want {
		t.Errorf("toolName = %s, want %s", got, want)
	}
}

func TestNamesDifferInMoreThanCase(t *testing.T) {
	ids := []toolID{{"GitHub", "Get"}, {"github", "get"}, {"GITHUB", "get"}, {"other", "Get"}}
	names := nameAll(ids)
	if names[1] != "github__get" || names[3] != "other__Get" {
		t.Errorf("names = %v, want the lower-case one and the lone one plain", names)
	}
	folded := map[string]bool{}
	for _, n := range names {
		folded[strings.ToLower(n)] = true
	}
	if len(folded) != len(ids) {
		t.Errorf("names = %v, some equal but for case", names)
	}
}

// TestNamesOfHostileTools names every pair of such servers and tools at once.
func TestNamesOfHostileTools(t *testing.T) {
	odd := []string{
		"", "_", "__", "___", "a", "A", "a_", "_a", "a__", "__a", "a__b", "A__B", "a_b", "a.b", "a b", "a/b", "-", "é", "e\u0301", "É",
		"K", "\u212a", "ı", "i", "I", "İ", "ß", "ss", "ſ", "日本", "本日", "\U0001F600", "\u202eab", "a\u200b", "a\x00", "\xff", "\xfe", "\xff\xff", "\ufffd",
		"abcdefghijkl", "_abcdefghijkl", "t_abcdefghijkl", "T_ABCDEFGHIJKL", "x_234567234567", "n\nn", `"`, "<script>",
		strings.Repeat("x", 61), strings.Repeat("x", 62), strings.Repeat("X", 62), strings.Repeat("x", 1000), strings.Repeat("x", 1001),
		strings.Repeat("_", 1000), strings.Repeat("日", 1000), strings.Repeat("a__b", 250),
	}
	var ids []toolID
	for _, server := range odd {
		for _, tool := range odd {
			ids = append(ids, toolID{server, tool})
		}
	}
	for i := range ids[:len(ids):len(ids)] { // and what the first names would be taken for
		if server, tool, ok := strings.Cut(toolName(ids[i]), "__"); ok && !slices.Contains(ids, toolID{server, tool}) {
			ids = append(ids, toolID{server, tool})
		}
	}
	names := nameAll(ids)
	owner := map[string]toolID{}
	for i, name := range names {
		if !accepted.MatchString(name) {
			t.Errorf("%q is named %q, which clients refuse", ids[i], name)
		}
		if other, taken := owner[strings.ToLower(name)]; taken {
			t.Errorf("%.40q and %.40q are both named %s", ids[i], other, name)
		}
		owner[strings.ToLower(name)] = ids[i]
	}

	named := map[toolID]string{}
	for i, id := range ids {
		named[id] = names[i]
	}
	slices.Reverse(ids) // servers come in any order after a restart
	for i, name := range nameAll(ids) {
		if name != named[ids[i]] {
			t.Errorf("%.40q is named %s, and in another order %s", ids[i], named[ids[i]], name)
		}
	}
}

func FuzzToolNames(f *testing.F) {
	f.Add("a", "b__c", "a__b", "c")
	f.Add("a", "_b", "a_", "b")
	f.Add("S", "t", "s", "T")
	f.Add("s", "x y", "s", "x_y")
	f.Add(strings.Repeat("x", 80), "t", strings.Repeat("x", 81), "t")
	f.Fuzz(func(t *testing.T, s1, t1, s2, t2 string) {
		a, b := toolID{s1, t1}, toolID{s2, t2}
		names := nameAll([]toolID{a, b})
		for _, n := range names {
			if !accepted.MatchString(n) {
				t.Errorf("%q is not a name clients accept", n)
			}
		}
		if a != b && strings.EqualFold(names[0], names[1]) {
			t.Errorf("%q and %q are both named %q", a, b, names)
		}
		if isPlain(a) { // a plain name can be read back
			if s, tool, _ := strings.Cut(toolName(a), "__"); s != s1 || tool != t1 {
				t.Errorf("%q reads back as %q, %q", a, s, tool)
			}
		}
	})
}

func BenchmarkNameAll(b *testing.B) {
	var ids []toolID
	for i := range 2000 {
		ids = append(ids, toolID{fmt.Sprint("server", i%20), fmt.Sprint("tool_", i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		nameAll(ids)
	}
}
