package faults

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mcpproxy-tray/internal/core/upstream"
)

var update = flag.Bool("update", false, "rewrite docs/errors.md")

// TestDocument makes sure that docs/errors.md is the one that the table gives.
func TestDocument(t *testing.T) {
	path := filepath.Join(root, "docs", "errors.md")
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Markdown(), string(got)); diff != "" {
		t.Errorf("docs/errors.md is not what the table gives; run make golden (-table +document):\n%s", diff)
	}
}

// TestEveryFaultIsTried: each row has a test that exists, or says what is missing.
func TestEveryFaultIsTried(t *testing.T) {
	src, ids, untried := sources(t), map[string]bool{}, []string{}
	for _, f := range Faults() {
		if ids[f.ID] || f.What == "" || f.Does == "" {
			t.Errorf("%s is there twice, or says too little", f.ID)
		}
		ids[f.ID] = true
		if len(f.Tests) == 0 {
			untried = append(untried, f.ID)
			if f.Open == "" {
				t.Errorf("%s has no test, and does not say why", f.ID)
			}
		}
		for i, test := range f.Tests {
			pkg, name, _ := strings.Cut(test, ".")
			if s := src[pkg]; s == nil || !s.tests[name] {
				t.Errorf("%s: there is no test %s", f.ID, test)
			}
			if slices.Index(f.Tests, test) != i {
				t.Errorf("%s names %s twice", f.ID, test)
			}
		}
	}
	if diff := cmp.Diff([]string{}, untried); diff != "" {
		t.Errorf("faults without a test differ (-known +found):\n%s", diff)
	}
	for _, id := range lines() {
		if !ids[id] {
			t.Errorf("the line %s has no row", id)
		}
	}
}

// TestEveryCodeIsTried: the tests of a row's packages name each of its codes, or
// the row says why they do not.
func TestEveryCodeIsTried(t *testing.T) {
	src := sources(t)
	for _, f := range Faults() {
		aside := map[string]bool{}
		for _, line := range f.Aside {
			code, why, _ := strings.Cut(line, ": ")
			if aside[code] = true; why == "" || !slices.Contains(f.Codes, code) {
				t.Errorf("%s: %q is no reason of a code of the row", f.ID, line)
			}
		}
		for _, code := range f.Codes {
			tried := slices.ContainsFunc(f.Tests, func(test string) bool {
				pkg, _, _ := strings.Cut(test, ".")
				return src[pkg] != nil && src[pkg].tries(code)
			})
			if tried == aside[code] {
				t.Errorf("%s: %s is named by the packages' tests: %t; excused: %t", f.ID, code, tried, aside[code])
			}
		}
	}
}

// TestProductSaysIt compares the codes of servers' sessions with what their package
// really says, blanks filled: not with its source.
func TestProductSaysIt(t *testing.T) {
	problems := upstream.Problems()
	if len(problems) < 40 {
		t.Fatalf("only %d problems", len(problems))
	}
	show := func(format string) string {
		return verb.ReplaceAllString(strings.NewReplacer("%q", `"…"`, "%%", "%").Replace(format), "…")
	}
	said := map[Code]bool{}
	for _, p := range problems {
		said[Code{Code: p.Code, Text: show(p.Text), Hint: p.Hint}] = true
	}
	for _, c := range Codes() {
		key := Code{Code: c.Code, Text: c.Text, Hint: c.Hint}
		if c.From == "core/upstream" && !said[key] {
			t.Errorf("core/upstream never says %+v", key)
		}
		if c.From == "core/upstream" {
			delete(said, key)
		}
	}
	for left := range said {
		t.Errorf("core/upstream says what the table does not: %+v", left)
	}
}

// lines are the faults that concern the core: what can happen to processes, in
// time, to remote servers, to the configuration, to the program.
func lines() (ids []string) {
	for _, part := range []struct {
		letter      string
		first, last int
	}{{"A", 1, 20}, {"B", 1, 3}, {"C", 1, 11}, {"D", 1, 9}, {"F", 7, 8}, {"G", 1, 9}} {
		for n := part.first; n <= part.last; n++ {
			ids = append(ids, part.letter+strconv.Itoa(n))
		}
	}
	return ids
}

// TestEveryCodeIsExplained: the codes in the sources and in the table are the
// same, and so are their sentences and next steps.
func TestEveryCodeIsExplained(t *testing.T) {
	src, known, shown := sources(t), map[string]bool{}, map[string]bool{}
	for _, f := range Faults() {
		for _, code := range f.Codes {
			shown[code] = true
		}
	}
	var last string
	for _, c := range Codes() {
		s := src[c.From]
		switch {
		case s == nil || !s.codes[c.Code]:
			t.Errorf("%s is not in package %s", c.Code, c.From)
		case c.Text != "" && !s.texts[c.Text]:
			t.Errorf("%s: package %s does not say %q", c.Code, c.From, c.Text)
		case c.Hint != "" && !s.texts[c.Hint]:
			t.Errorf("%s: package %s does not suggest %q", c.Code, c.From, c.Hint)
		}
		if c.Code != last && (known[c.Code] || c.Why == "") {
			t.Errorf("%s is in two places, or has no reason", c.Code)
		}
		known[c.Code], last = true, c.Code
	}
	for code := range shown {
		if !known[code] {
			t.Errorf("a fault is shown as %s, which is no code", code)
		}
	}
	for pkg, s := range src {
		for code := range s.codes {
			if !known[code] {
				t.Errorf("package %s has the code %s, which is not explained", pkg, code)
			}
		}
		for _, said := range s.said {
			if !slices.ContainsFunc(Codes(), func(c Code) bool {
				return c.Code == said.Code && c.From == pkg && c.Text == said.Text && (c.Hint == said.Hint || said.Hint == "")
			}) {
				t.Errorf("package %s says what the table does not: %s %q %q", pkg, said.Code, said.Text, said.Hint)
			}
		}
	}
}

// TestWords: sentences end, speak of no Go, and are made for people.
func TestWords(t *testing.T) {
	for _, c := range Codes() {
		for _, text := range []string{c.Text, c.Hint, c.Why} {
			if text != "" && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "…") {
				t.Errorf("%s: %q is no sentence", c.Code, text)
			}
			if i := slices.IndexFunc([]string{"nil", "EOF", "panic", "goroutine", "errno", "%!", "hujson"}, func(w string) bool { return strings.Contains(text, w) }); i >= 0 {
				t.Errorf("%s: %q sounds like a program", c.Code, text)
			}
		}
	}
}

// TestScanSeesWhatItShould makes sure that the scan of the sources can fail.
func TestScanSeesWhatItShould(t *testing.T) {
	src := sources(t)
	up := src["core/upstream"]
	if up == nil || len(up.codes) < 20 || len(up.said) < 20 || len(up.tests) < 50 {
		t.Fatal("the scan sees too little of core/upstream")
	}
	if !src["core/store"].texts["The database … cannot be used."] || !src["core/httpapi"].texts[`There is no server named "…".`] {
		t.Error("sentences with verbs are not read as documents show them")
	}
	if up.tests["TestNoSuchThing"] || up.codes["MPT-NO-SUCH-CODE"] || !up.tests["TestCommandsThatCannotStart/not_found"] {
		t.Error("names of tests and codes are read wrongly")
	}
	if up.tests["TestCommandsThatCannotStart/no_such_case"] || up.tests["BenchmarkCall"] || up.tests["TestTailKeepsTheLastLines/x"] {
		t.Error("what is no test counts as one")
	}
	if !up.tries("MPT-CMD-NOT-NOW") || !up.tries("MPT-NET-UNREACHABLE") || up.tries("MPT-NO-SUCH-CODE") || up.tries("MPT-CMD-NOT") {
		t.Error("codes in tests are read wrongly")
	}
}
