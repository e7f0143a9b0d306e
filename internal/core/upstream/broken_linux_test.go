package upstream

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/config"
)

// foreign returns the beginning of a program for another processor.
func foreign() string {
	machine := uint16(62) // x86-64
	if runtime.GOARCH == "amd64" {
		machine = 183 // ARM64
	}
	head := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00")
	return string(binary.LittleEndian.AppendUint16(head, machine)) + strings.Repeat("\x00", 100)
}

// TestBrokenCommandsAreToldAtOnce starts what cannot work: people learn within
// 200 ms what is wrong, with the command as they wrote it.
func TestBrokenCommandsAreToldAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		entry      func(folder) config.Server
		says       []string // in text and hint
	}{
		{"not on the PATH", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { return f.runs("mpt-nosuch") },
			[]string{`"mpt-nosuch" was not found`, "Looked in ", "/bin, /usr/bin, /bin."}},
		{"written with a variable", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { return f.runs("${env:HOME}/mpt-nosuch") }, []string{`"${env:HOME}/mpt-nosuch" was not found`}},
		{"with its arguments", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { return f.runs("sh -c true") }, []string{`put what follows "sh" into "args"`}},
		{"with a secret", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server {
				f.tb.Setenv("TOKEN", "s3cret")
				return f.runs("mpt-x --key ${env:TOKEN}")
			}, []string{`"--key ${env:TOKEN}" are arguments`}},
		{"below ~", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { return f.runs("~/bin/x") }, []string{"write ${env:HOME}/bin/x."}},
		{"a link to nothing", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { f.link("nothing", "bin/mpt-x"); return f.runs("mpt-x") }, []string{"Looked in "}},
		{"not executable", "MPT-CMD-NOT-EXECUTABLE",
			func(f folder) config.Server { f.write("bin/mpt-x", ends, 0o600); return f.runs("mpt-x") }, []string{`"mpt-x" is not executable`}},
		{"a directory", "MPT-CMD-NOT-EXECUTABLE",
			func(f folder) config.Server { return f.runs(f.dir) }, []string{"is not executable", "It is a folder"}},
		{"its interpreter is missing", "MPT-CMD-INTERPRETER",
			func(f folder) config.Server { f.write("run", "#!/no/such/python -u\n", 0o700); return f.runs("./run") },
			[]string{`"./run" needs`, "missing: /no/such/python."}},
		{"what env searches is missing", "MPT-CMD-INTERPRETER",
			func(f folder) config.Server {
				f.write("bin/mpt-npx", "#!/usr/bin/env mpt-node\n", 0o700)
				return f.runs("mpt-npx")
			},
			[]string{`"mpt-npx" needs`, "missing: mpt-node.", "Looked in "}},
		{"saved on Windows", "MPT-CMD-INTERPRETER",
			func(f folder) config.Server { f.write("run", "#!/bin/sh\r\nexit\r\n", 0o700); return f.runs("./run") }, []string{"carriage return"}},
		{"its loader is missing", "MPT-CMD-INTERPRETER", withoutLoader, []string{"program loader"}},
		{"for another processor", "MPT-CMD-ARCH",
			func(f folder) config.Server { f.write("run", foreign(), 0o700); return f.runs("./run") }, []string{"not a program for this machine", "Install the version"}},
		{"a text", "MPT-CMD-ARCH",
			func(f folder) config.Server { f.write("run", "print('hello')\n", 0o700); return f.runs("./run") }, []string{"text without a first line"}},
		{"empty", "MPT-CMD-ARCH",
			func(f folder) config.Server { f.write("run", "", 0o700); return f.runs("./run") }, nil},
		{"its directory is missing", "MPT-CMD-CWD",
			func(f folder) config.Server { srv := f.runs("sh"); srv.Cwd = f.at("none"); return srv }, []string{"/none"}},
		{"its directory is a file", "MPT-CMD-CWD",
			func(f folder) config.Server {
				f.write("file", "", 0o600)
				srv := f.runs("sh")
				srv.Cwd = f.at("file")
				return srv
			}, []string{"/file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, c := newFolder(t), testConnector()
			srv := tt.entry(f)
			best := time.Hour // of a few: the machine may be busy with something else
			for range 5 {
				start := time.Now()
				why := fail(t, c, srv, tt.code)
				best = min(best, time.Since(start))
				p := wantProblem(t, why, tt.code, "config")
				for _, want := range tt.says {
					if said := p.Text + " " + p.Hint; !strings.Contains(said, want) {
						t.Fatalf("says %q, which lacks %q", said, want)
					}
				}
			}
			if best > 200*time.Millisecond {
				t.Errorf("took %s", best)
			}
		})
	}
}

// TestProgramThatRepeatsIsNoServer wants our own request, coming back, to be known
// for what it is.
func TestProgramThatRepeatsIsNoServer(t *testing.T) {
	p := wantProblem(t, fail(t, testConnector(), newFolder(t).runs("cat"), "MPT-NOT-MCP-OUTPUT"), "MPT-NOT-MCP-OUTPUT", "protocol")
	if !strings.Contains(p.Hint, "repeats what it is sent") {
		t.Errorf("hint = %q", p.Hint)
	}
}

// withoutLoader makes a real program whose loader is not there.
func withoutLoader(f folder) config.Server {
	env, err := exec.LookPath("env")
	f.must(err)
	program, err := os.ReadFile(env)
	f.must(err)
	broken := bytes.Replace(program, []byte("/ld-"), []byte("/no-"), 1)
	if bytes.Equal(program, broken) {
		f.tb.Fatalf("%s names no loader", env)
	}
	f.write("run", string(broken), 0o700)
	return f.runs("./run")
}
