//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The requirement sets of the suite: what a revision requires, frozen at its release.
const (
	legacySet = "2025-11-25"
	modernSet = "2026-07-28"
)

// A suite is the official conformance suite, from npm, with the server and the client of
// the Go SDK that are written for it.
type suite struct {
	node, script   string
	server, client string // programs
}

func findSuite(t *testing.T) suite {
	t.Helper()
	p := findPeers(t)
	s := suite{
		node:   p.node,
		script: filepath.Join(filepath.Dir(p.everything), "../../conformance/dist/index.js"),
		server: sdkProgram(t, "everything-server"),
		client: sdkProgram(t, "everything-client"),
	}
	if _, err := os.Stat(s.script); err != nil {
		t.Fatalf("%v\nrun .ci/setup first", err)
	}
	return s
}

// sdkProgram builds a program of the SDK, at the version that go.mod names.
func sdkProgram(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", path, "github.com/modelcontextprotocol/go-sdk/conformance/"+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// A verdict is how a scenario went.
type verdict struct {
	passed, failed, warned int    // checks
	why                    string // the first check that did not pass
}

func (v verdict) checks() int { return v.passed + v.failed + v.warned }

// String calls a scenario tested from two checks on: one of them is always that the
// messages are valid.
func (v verdict) String() string {
	switch {
	case v.checks() < 2:
		return fmt.Sprintf("not tested (%d)", v.checks())
	case v.failed > 0:
		return fmt.Sprintf("fails %d of %d", v.failed, v.checks())
	case v.warned > 0:
		return fmt.Sprintf("passes %d, warns %d", v.passed, v.warned)
	}
	return fmt.Sprintf("passes %d", v.passed)
}

func (v verdict) passes() bool { return v.failed == 0 && v.checks() >= 2 }

// worse reports whether less passes than in another run.
func (v verdict) worse(than verdict) bool {
	return v.failed > than.failed || v.passed < than.passed || v.warned > than.warned
}

// An outcome is a run of the suite, by scenario.
type outcome map[string]verdict

// passing counts the scenarios that pass, of those that are tested in the reference.
func (o outcome) passing() (n int) {
	for _, v := range o {
		if v.passes() {
			n++
		}
	}
	return n
}

// ofServer runs the server scenarios of a set against a URL.
func (s suite) ofServer(t *testing.T, set, url string) outcome {
	t.Helper()
	return s.run(t, nil, "server", "--requirements", set, "--url", url)
}

// ofClient runs the client scenarios of a set; the suite starts the command with a URL.
func (s suite) ofClient(t *testing.T, set, command string, env ...string) outcome {
	t.Helper()
	return s.run(t, env, "client", "--requirements", set, "--command", command, "--timeout", "120000")
}

func (s suite) run(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), s.node, append(append([]string{s.script}, args...), "--output-dir", dir)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run() // it fails when a check does; what it found is in its files
	o := outcome{}
	if walkErr := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == "checks.json" {
			name, v := readVerdict(t, dir, path)
			o[name] = v
		}
		return err
	}); walkErr != nil {
		t.Fatal(walkErr)
	}
	if len(o) < 10 {
		t.Fatalf("the suite left %d results (%v):\n%s", len(o), err, &output)
	}
	return o
}

var stamped = regexp.MustCompile(`^(?:server-)?(.+)-\d{4}-\d\d-\d\dT[0-9Z-]+$`)

// readVerdict reads what the suite left of one scenario, in a directory of its name and time.
func readVerdict(t *testing.T, dir, path string) (scenario string, v verdict) {
	t.Helper()
	name, err := filepath.Rel(dir, filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	m := stamped.FindStringSubmatch(name)
	if m == nil {
		t.Fatalf("no scenario in %q", name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var checks []struct{ ID, Status, ErrorMessage string }
	if err := json.Unmarshal(data, &checks); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, c := range checks {
		switch c.Status {
		case "SUCCESS":
			v.passed++
			continue
		case "FAILURE":
			v.failed++
		case "WARNING":
			v.warned++
		default:
			continue
		}
		if v.why == "" {
			v.why = c.ID + ": " + c.ErrorMessage
		}
	}
	return m[1], v
}

// serve starts the SDK's server over HTTP and returns its URL.
func (s suite) serve(t *testing.T, stateless bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String() // free, until somebody else is given it
	l.Close()
	cmd := exec.Command(s.server, "-http="+addr, fmt.Sprintf("-stateless=%v", stateless))
	var output syncBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "http://" + addr + "/"
		}
		if time.Now().After(deadline) {
			t.Fatalf("the SDK's server does not listen:\n%s", strings.TrimSpace(output.String()))
		}
	}
}
