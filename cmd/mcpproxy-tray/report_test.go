//go:build linux

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The long forms of the tests leave their results in resultDir, one JSON file each;
// RELIABILITY.md is made of them.
const (
	resultDir  = "testdata/reliability"
	reportFile = "../../RELIABILITY.md"
)

var (
	keep   = flag.Bool("record", false, "keep the results of this run in "+resultDir)
	update = flag.Bool("update", false, "make RELIABILITY.md anew of the results")
)

// A result is what one test has seen.
type result struct {
	Promise  string // what is promised
	Did      string // what was done to break it
	Seed     uint64 // of what was drawn; 0 if nothing was
	Count    int    // how often
	Failures int    // of the promise as it stands; the tests themselves fail at a multiple
	Worst    string // the worst that was measured
	Notes    string `json:",omitempty"`
	Took     time.Duration

	// Of the run; record fills them in.
	Test    string
	Date    string
	Commit  string
	Machine string
}

// missed is the number of failures of a test that makes one attempt.
func missed(t *testing.T, promiseBroken bool) int {
	if t.Failed() || promiseBroken {
		return 1
	}
	return 0
}

// record shows a result and, in a run that asks for it, keeps it.
func record(t *testing.T, r result) {
	t.Helper()
	r.Took = r.Took.Round(time.Millisecond)
	t.Logf("RESULT %s: %s: %d failures of %d in %v; worst: %s; seed %d; %s", r.Promise, r.Did, r.Failures, r.Count, r.Took, r.Worst, r.Seed, r.Notes)
	if !*keep {
		return
	}
	r.Test, r.Date, r.Commit, r.Machine = t.Name(), time.Now().UTC().Format(time.DateOnly), commit(), machineName()
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(resultDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(resultDir, r.Test+".json"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// commit names what was tested; with a "+" if the tree had other changes too.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", "*.go").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

func machineName() string {
	var u syscall.Utsname
	release := "unknown"
	if syscall.Uname(&u) == nil {
		var b []byte
		for _, c := range u.Release {
			if c == 0 {
				break
			}
			b = append(b, byte(c))
		}
		release = string(b)
	}
	return fmt.Sprintf("%d cores (%s), Linux %s, %s", runtime.NumCPU(), runtime.GOARCH, release, runtime.Version())
}

// TestReliabilityReport holds RELIABILITY.md to the results that it is made of.
func TestReliabilityReport(t *testing.T) {
	want := reliability(t, results(t))
	if *update {
		if err := os.WriteFile(reportFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reportFile)
	if err != nil || string(got) != want {
		t.Errorf("RELIABILITY.md is not what its results make (%v); run go test -run %s -update", err, t.Name())
	}
}

func results(t *testing.T) (all []result) {
	t.Helper()
	files, err := filepath.Glob(resultDir + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no results: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r result
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if r.Test+".json" != filepath.Base(f) {
			t.Errorf("%s holds the result of %s", f, r.Test)
		}
		all = append(all, r)
	}
	return all
}

const reportHead = `# Reliability

Generated from the results of the long tests, not typed: ` + "`make kill-loop soak report`" + ` makes it anew, and the tests fail if it
differs from its sources in ` + "`cmd/mcpproxy-tray/" + resultDir + "`" + `. All tests run the program as a user gets it, under its guard, with
` + "[`evilserver`](internal/core/evilserver)" + ` as its servers, and look from outside. The short forms of the same tests run with every change.

| Promise | What was done | Failures | Worst seen |
|---|---|---|---|
`

// reliability is the text of RELIABILITY.md.
func reliability(t *testing.T, all []result) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(reportHead)
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %s |\n", r.Promise, r.Did, r.Failures, r.Count, r.Worst)
	}
	b.WriteString("\n| Test | Date | Commit | Machine | Seed | Took | Notes |\n|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		seed := "none"
		if r.Seed != 0 {
			seed = fmt.Sprint(r.Seed)
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s | %v | %s |\n", r.Test, r.Date, r.Commit, r.Machine, seed, r.Took.Round(time.Second), r.Notes)
	}
	b.WriteString("\nA commit with a `+` had changes beside it. What none of this covers is in [docs/rough-edges.md](docs/rough-edges.md).\n")
	return b.String()
}
