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

// recordDir is where the long forms of the tests leave their results, one JSON file
// each; RELIABILITY.md is made of them.
var recordDir = flag.String("record", "", "`directory` for results of this run, such as ../../reliability")

// A result is what one test has seen.
type result struct {
	Promise  string // what is promised
	Did      string // what was done to break it
	Seed     uint64 // of what was drawn; 0 if nothing was
	Count    int    // how often
	Failures int
	Worst    string // the worst that was measured
	Notes    string `json:",omitempty"`
	Took     time.Duration

	// Of the run; record fills them in.
	Test    string
	Date    string
	Commit  string
	Machine string
}

// record shows a result and, in a run that asks for it, keeps it.
func record(t *testing.T, r result) {
	t.Helper()
	r.Took = r.Took.Round(time.Millisecond)
	t.Logf("RESULT %s: %s: %d failures of %d in %v; worst: %s; seed %d; %s", r.Promise, r.Did, r.Failures, r.Count, r.Took, r.Worst, r.Seed, r.Notes)
	if *recordDir == "" {
		return
	}
	r.Test, r.Date, r.Commit, r.Machine = t.Name(), time.Now().UTC().Format(time.DateOnly), commit(), machineName()
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*recordDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*recordDir, r.Test+".json"), append(data, '\n'), 0o644); err != nil {
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
