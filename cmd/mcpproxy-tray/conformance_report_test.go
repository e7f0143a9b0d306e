//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const protocolFile = "../../docs/protocol.md"

// reportConformance shows what a run has found and, with -update, puts it into
// docs/protocol.md between the markers of its part.
func reportConformance(t *testing.T, part string, got conformance, known []shortfall) {
	t.Helper()
	text := conformanceTable(got, known)
	t.Logf("%s:\n%s", part, text)
	if !*update || t.Failed() {
		return
	}
	putIntoProtocol(t, "conformance "+part, text)
}

// putIntoProtocol replaces what stands between two markers in docs/protocol.md.
func putIntoProtocol(t *testing.T, part, text string) {
	t.Helper()
	from, to := "<!-- "+part+" -->\n", "<!-- end of "+part+" -->"
	doc, err := os.ReadFile(protocolFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(doc), from)
	_, after, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s has no markers for %q", protocolFile, part)
	}
	if err := os.WriteFile(protocolFile, []byte(before+from+text+to+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// conformanceTable has a line for each scenario of both sets.
func conformanceTable(got conformance, known []shortfall) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, commit `%s`, %s.\n", time.Now().UTC().Format(time.DateOnly), commit(), machineName())
	for _, set := range []string{legacySet, modernSet} {
		var columns []string
		for _, c := range slices.Sorted(maps.Keys(got.through)) {
			if strings.HasPrefix(c, set) {
				columns = append(columns, c)
			}
		}
		writeSet(&b, got, known, set, columns)
	}
	return b.String()
}

func writeSet(b *strings.Builder, got conformance, known []shortfall, set string, columns []string) {
	head, sum, outcomes := []string{set}, []string{"**pass**"}, []outcome{}
	add := func(title string, o outcome) {
		head, outcomes = append(head, title), append(outcomes, o)
		sum = append(sum, fmt.Sprintf("**%d of %d**", o.passing(), len(o)))
	}
	if alone := got.alone[set]; alone != nil {
		add("alone", alone)
	}
	for _, c := range columns {
		add("through us, "+strings.TrimPrefix(c, set+" "), got.through[c])
	}
	b.WriteByte('\n')
	row(b, append(head, "why"))
	row(b, slices.Repeat([]string{"---"}, len(head)+1))
	row(b, append(sum, ""))
	for _, scenario := range slices.Sorted(maps.Keys(outcomes[0])) {
		cells, why := []string{scenario}, ""
		for _, o := range outcomes {
			cells = append(cells, o[scenario].String())
		}
		for i, c := range columns {
			if v := outcomes[len(outcomes)-len(columns)+i][scenario]; v.passes() && !v.worse(outcomes[0][scenario]) {
				continue
			}
			for _, k := range known {
				if matches(k.column, c) && matches(k.scenario, scenario) {
					why = k.reason
				}
			}
		}
		row(b, append(cells, why))
	}
}

func row(b *strings.Builder, cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }

// TestProtocolNamesItsTests makes sure that the tests on which docs/protocol.md relies exist.
func TestProtocolNamesItsTests(t *testing.T) {
	defined := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "../../internal/core/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests in %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(text, -1) {
				defined[string(m[1])] = true
			}
		}
	}
	doc, err := os.ReadFile(protocolFile)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(doc, -1)
	for _, m := range named {
		if !defined[string(m[1])] {
			t.Errorf("%s names %s, which is no test", protocolFile, m[1])
		}
	}
	if len(named) < 20 {
		t.Errorf("%s names %d tests only", protocolFile, len(named))
	}
}
