package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestScripts(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"exit", "exit=@start"},
		{" hang ; exit=3@call:2 ", "hang=@tools/call exit=3@tools/call:2"},
		{"reset@GET~5;status=404,X:a b@message:3+", "reset=@GET~5 status=404,X:a b@message:3+"},
		{"nonsense", "error"},
		{"exit@call:0", "error"},
		{"exit@call:x", "error"},
		{"exit@call~0", "error"},
	} {
		steps, err := parseScript(tt.text)
		var got []string
		for _, s := range steps {
			got = append(got, s.name+"="+s.value+"@"+s.when.String())
		}
		if err != nil {
			got = []string{"error"}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("parseScript(%q) = %s, want %s", tt.text, s, tt.want)
		}
	}
}

func TestMoments(t *testing.T) {
	for _, tt := range []struct {
		when string
		due  string // of five calls after a ping
	}{{"call", "yyyyy"}, {"call:2", "-y---"}, {"call:3+", "--yyy"}, {"message:2", "y----"}, {"ping", "-----"}, {"start", "-----"}} {
		steps, err := parseScript("hang@" + tt.when)
		if err != nil {
			t.Fatal(err)
		}
		c := newCalendar(steps, 1)
		c.due("start")
		c.due("ping")
		got := ""
		for range 5 {
			got += map[bool]string{true: "y", false: "-"}[len(c.due("tools/call")) > 0]
		}
		if got != tt.due {
			t.Errorf("%s is due at %s, want %s", tt.when, got, tt.due)
		}
	}
}

func TestChanceIsRepeatable(t *testing.T) {
	count := func(seed uint64) (n int) {
		steps, _ := parseScript("hang@call~10")
		c := newCalendar(steps, seed)
		for range 10_000 {
			n += len(c.due("tools/call"))
		}
		return n
	}
	if a, b := count(7), count(7); a != b || a < 800 || a > 1200 {
		t.Errorf("one of ten happened %d and %d times in 10,000", a, b)
	}
}

// TestEachMisdeedIsTested looks for every misdeed in a script of the tests.
func TestEachMisdeedIsTested(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	seen := map[string]bool{}
	for _, m := range misdeeds() {
		if seen[m.name] || m.doc == "" || m.do == nil {
			t.Errorf("%s is there twice, or says nothing", m.name)
		}
		seen[m.name] = true
		if !regexp.MustCompile(`["; ]` + m.name + `["=;@]`).MatchString(all.String()) {
			t.Errorf("no test uses %s", m.name)
		}
	}
}
