package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// described returns the name, type and labels of each metric that is written.
func described(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	labels := map[string][]string{}
	name, kind := "", ""
	head := regexp.MustCompile(`^# TYPE ` + prefix + `([a-z_]+) ([a-z]+)$`)
	label := regexp.MustCompile(`[{,]([a-z]+)="`)
	for line := range strings.Lines(written(t, plain(t))) {
		if m := head.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			name, kind = m[1], m[2]
			labels[name] = nil
		} else if name != "" && !strings.HasPrefix(line, "#") {
			for _, m := range label.FindAllStringSubmatch(line, -1) {
				if m[1] != "le" && !slices.Contains(labels[name], m[1]) {
					labels[name] = append(labels[name], m[1])
				}
			}
			all[name] = kind + " " + strings.Join(labels[name], ",")
		}
	}
	return all
}

// plain is a program with one server that has counts.
func plain(t *testing.T) *Program {
	t.Helper()
	p := sample(t)
	for _, name := range hostile {
		if name != "plain" {
			p.view.RemoveServer(name)
		}
	}
	return p
}

// TestDocument compares the table of docs/metrics.md with what is written.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\| .+ \\|$")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2] + " " + strings.NewReplacer(" ", "", "`", "").Replace(m[3])
	}
	is := described(t)
	for name, want := range is {
		if documented[name] != want {
			t.Errorf("%s is %q, documented as %q", name, want, documented[name])
		}
	}
	for name := range documented {
		if _, ok := is[name]; !ok {
			t.Errorf("%s is documented, but is not written", name)
		}
	}
	for _, c := range New(plain(t).view, "").consumers() {
		if !strings.Contains(string(text), "`"+c.name+"`") {
			t.Errorf("the consumer %s is not documented", c.name)
		}
	}
	for r := range numResults {
		if !strings.Contains(string(text), "`"+r.String()+"`") {
			t.Errorf("the result %s is not documented", r)
		}
	}
}

// A dashboard is what Grafana imports, as far as it asks for metrics.
type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Panels        []struct {
		ID      int
		Title   string
		Type    string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr, RefID string }
	}
	Templating struct {
		List []struct {
			Name       string
			Type       string
			Definition string
		}
	}
}

// TestDashboard: each metric and label that the dashboard asks for is there, and panels
// have a place of their own.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../../packaging/grafana/mcpproxy-tray.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 || len(d.Panels) < 8 {
		t.Fatalf("%+v is no dashboard", d)
	}
	var asked []string
	for _, v := range d.Templating.List {
		asked = append(asked, v.Definition)
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Title == "" || p.Type == "" || ids[p.ID] || len(p.Targets) == 0 {
			t.Errorf("panel %d %q %q with %d queries", p.ID, p.Title, p.Type, len(p.Targets))
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[at]; ok || at[0] > 23 {
					t.Fatalf("%q lies over %q or beside the board", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
		for _, q := range p.Targets {
			asked = append(asked, q.Expr)
		}
	}
	checkQueries(t, asked)
}

func checkQueries(t *testing.T, asked []string) {
	t.Helper()
	is := described(t)
	name := regexp.MustCompile(`\b` + prefix + `([a-z_]+)(?:\{([^}]*)\})?`)
	part := regexp.MustCompile(`_(bucket|sum|count)$`)
	used := map[string]bool{}
	for _, expr := range asked {
		if expr == "" || strings.Count(expr, "(") != strings.Count(expr, ")") {
			t.Errorf("query %q", expr)
		}
		for _, m := range name.FindAllStringSubmatch(expr, -1) {
			base := m[1]
			if _, ok := is[base]; !ok {
				base = part.ReplaceAllString(base, "")
				if !strings.HasPrefix(is[base], histograms) {
					t.Errorf("%q asks for %s, which is not there", expr, m[1])
					continue
				}
			}
			used[base] = true
			for _, l := range regexp.MustCompile(`([a-z_]+)\s*[=!]~?"`).FindAllStringSubmatch(m[2], -1) {
				_, labels, _ := strings.Cut(is[base], " ")
				if !slices.Contains(strings.Split(labels, ","), l[1]) {
					t.Errorf("%q asks for the label %s, which %s has not", expr, l[1], base)
				}
			}
		}
	}
	if len(used) < 15 {
		t.Errorf("the dashboard shows only %d metrics", len(used))
	}
}
