//go:build linux

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/guard"
	"mcpproxy-tray/internal/core/store"
)

const good = `{"listen": "127.0.0.1:0", "mcpServers": {"a": {"command": "tool"}}}`

// patient returns a healthy one with the given configuration, whose login shell
// is a script that knows where "tool" is.
func patient(t *testing.T, cfg string) Patient {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := Patient{
		Dirs: config.Dirs{Config: dir, Data: dir, Logs: dir}, ConfigFile: filepath.Join(dir, "config.json"),
		Environ: []string{"HOME=" + dir, "SHELL=" + filepath.Join(dir, "shell"), "PATH=/usr/bin:/bin"},
	}
	write(t, filepath.Join(dir, "shell"), "#!/bin/sh\nfor question; do :; done\nPATH="+dir+"/bin eval \"$question\"\n", 0o700)
	write(t, filepath.Join(dir, "bin", "tool"), "", 0o700)
	write(t, p.ConfigFile, cfg, 0o644)
	return p
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// findings returns what Run finds, a line each.
func findings(t *testing.T, p Patient) []string {
	t.Helper()
	var lines []string
	for _, f := range Run(t.Context(), p) {
		if f.Text == "" || f.Why == "" || f.Hint == "" {
			t.Errorf("%+v does not say what, why and what to do", f)
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s", f.Check, f.Text, f.Hint))
	}
	return lines
}

// running returns the address of an instance that says so of itself.
func running(t *testing.T, status string) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/status" && r.Header.Get("Authorization") == "Bearer admin" {
			_, _ = io.WriteString(w, status)
		}
	}))
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

// want runs all checks, which must find this one thing.
func want(t *testing.T, p Patient, text string) {
	t.Helper()
	if found := findings(t, p); len(found) != 1 || !strings.Contains(found[0], text) {
		t.Errorf("found %q, want one with %q", found, text)
	}
}

// TestChecks spoils one thing at a time; without it nothing is found.
func TestChecks(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	entry := func(text string) string { return `{"listen": "127.0.0.1:0", "mcpServers": {"a": ` + text + `}}` }
	damaged := func(t *testing.T, p *Patient) { write(t, p.Dirs.Database(), strings.Repeat("x", 4096), 0o600) }
	shell := func(script string) func(*testing.T, *Patient) {
		return func(t *testing.T, p *Patient) {
			write(t, filepath.Join(p.Dirs.Data, "shell"), "#!/bin/sh\n"+script, 0o700)
			p.Environ = append(p.Environ, "PATH="+filepath.Join(p.Dirs.Data, "bin"))
		}
	}
	tests := []struct {
		name, config string
		spoil        func(*testing.T, *Patient)
		want         string
	}{
		{"broken file", "{\n  \"mcpServers\": {,} }", nil, "configuration: config.json:2:"},
		{"broken entry", entry(`{}`), nil, "configuration: config.json:1:"},
		{"unknown key", entry(`{"command": "tool", "comand": "x"}`), nil, `configuration: config.json:1:`},
		{"unknown command", entry(`{"command": "nosuch"}`), nil, `servers: The command "nosuch" of the server "a" is not found.`},
		{"missing program file", entry(`{"command": "/nosuch/tool"}`), nil, `"/nosuch/tool"`},
		{"missing folder", entry(`{"command": "tool", "cwd": "/nosuch"}`), nil, `The folder "/nosuch" of the server "a" does not exist.`},
		{"malformed address", entry(`{"url": "${env:HOME}"}`), nil, `servers: Server "a": "url" is not a web address.`},
		{"unset variable", entry(`{"command": "tool", "env": {"K": "${env:NOSUCH_VARIABLE}"}}`), nil, `the environment variable "NOSUCH_VARIABLE", which is not set.`},
		{"shell without an answer", good, shell("exit 1"), "path: The login shell "},
		{"shell that talks too much", good, shell("exec yes"), "print more than 1 MB."},
		{"shell that hangs", good, shell("sleep 600"), "take longer than 3 s."},
		{"shell that cannot be started", good, func(t *testing.T, p *Patient) {
			write(t, filepath.Join(p.Dirs.Data, "shell"), "\x7fELF", 0o700)
			p.Environ = append(p.Environ, "PATH="+filepath.Join(p.Dirs.Data, "bin"))
		}, "does not tell its PATH."},
		{"taken port", `{"listen": "` + taken.Addr().String() + `"}`, nil, fmt.Sprintf("port: The address %s is taken by doctor.test (process %d).", taken.Addr(), os.Getpid())},
		{"open token", good, func(t *testing.T, p *Patient) { write(t, p.Dirs.AdminToken(), "x", 0o644) }, "permissions: Others can open "},
		{"data open to all", good, func(t *testing.T, p *Patient) {
			p.Dirs.Data = filepath.Join(p.Dirs.Data, "data")
			write(t, filepath.Join(p.Dirs.Data, "x"), "", 0o600)
			if err := os.Chmod(p.Dirs.Data, 0o750); err != nil {
				t.Fatal(err)
			}
		}, "(mode 0750)"},
		{"configuration all can change", good, func(t *testing.T, p *Patient) { write(t, p.ConfigFile, good, 0o666) }, "Run: chmod go-w /"},
		{"damaged database", good, damaged, "database: The database "},
		{"damaged history", good, func(t *testing.T, p *Patient) { write(t, p.Dirs.History(), strings.Repeat("x", 4096), 0o600) }, "history: The history "},
		{"history that is none", good, func(t *testing.T, p *Patient) { write(t, filepath.Join(p.Dirs.History(), "x"), "", 0o600) }, "history: No history is kept"},
		{"open history", good, func(t *testing.T, p *Patient) { write(t, p.Dirs.History(), strings.Repeat("x", 4096), 0o644) }, "history.db (mode 0644)"},
		{"open database", good, func(t *testing.T, p *Patient) { write(t, p.Dirs.Database(), strings.Repeat("x", 4096), 0o640) }, "(mode 0640)"},
		{"another address", good, func(_ *testing.T, p *Patient) { p.Listen = taken.Addr().String() }, "is taken by doctor.test"},
		{"public address", good, func(_ *testing.T, p *Patient) { p.Listen = "0.0.0.0:0" }, `port: The address "0.0.0.0:0" is none that can be listened on.`},
		{"no address", good, func(_ *testing.T, p *Patient) { p.Listen = "7420" }, `port: The address "7420" is none`},
		{"another address of a running instance", good, func(t *testing.T, p *Patient) {
			p.Running, p.PID = running(t, "{}"), os.Getpid()
			p.Listen = taken.Addr().String()
		}, "is taken by doctor.test"},
		{"instance that does not answer", good, func(t *testing.T, p *Patient) { p.Running, p.PID = "127.0.0.1:1", os.Getpid() }, "instance: The running instance (process "},
		{"left instance file", good, func(t *testing.T, p *Patient) { write(t, p.Dirs.Instance(), "{}", 0o600) }, "crash: The last instance did not end in order."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := patient(t, good)
			write(t, p.Dirs.Token(), "x", 0o600)
			if found := findings(t, p); len(found) > 0 {
				t.Errorf("found %q in a healthy one", found)
			}
			write(t, p.ConfigFile, tt.config, 0o644)
			if tt.spoil != nil {
				tt.spoil(t, &p)
			}
			want(t, p, tt.want)
		})
	}
}

// TestFilesOfAnotherUser looks at files as another user would to whom they do not belong.
func TestFilesOfAnotherUser(t *testing.T) {
	p := patient(t, good)
	write(t, p.Dirs.Token(), "x", 0o600)
	x := newExam(t.Context(), p)
	x.uid = os.Getuid() + 1
	found := permissions(t.Context(), x)
	if len(found) != 3 || !strings.Contains(found[1].Text, fmt.Sprintf("token belongs to another user (number %d).", os.Getuid())) {
		t.Errorf("found %+v, want data folder, token and configuration", found)
	}
}

// TestGoodDatabase has the real one, which is in use while an instance runs.
func TestGoodDatabase(t *testing.T) {
	p := patient(t, good)
	s, err := store.Open(p.Dirs.Database())
	if err != nil {
		t.Fatal(err)
	}
	want(t, p, "is in use by another process")
	beside := p
	beside.Running, beside.PID = running(t, "{}"), os.Getpid()
	if found := findings(t, beside); len(found) > 0 {
		t.Errorf("found %q beside a running instance", found)
	}
	beside.Listen = strings.Replace(beside.Running, "127.0.0.1", "localhost", 1) // its own
	if found := findings(t, beside); len(found) > 0 {
		t.Errorf("found %q beside a running instance that has the address", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestHistory: it is looked at only where nobody writes it and somebody wants it, and
// stays as it is.
func TestHistory(t *testing.T) {
	p := patient(t, good)
	s, err := store.Open(p.Dirs.History()) // a bbolt file like any other
	if err != nil {
		t.Fatal(err)
	}
	want(t, p, "history: No history is kept: the file "+p.Dirs.History()+" is in use by another process")
	beside := p
	beside.Running, beside.PID = running(t, "{}"), os.Getpid()
	if found := findings(t, beside); len(found) > 0 {
		t.Errorf("found %q beside a running instance", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	const garbage = "garbage"
	write(t, p.Dirs.History(), garbage, 0o640)
	want(t, p, "(mode 0640)")
	if info, err := os.Stat(p.Dirs.History()); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the doctor changed it: %v, %v", info.Mode(), err)
	}
	write(t, p.Dirs.History(), garbage, 0o600)
	want(t, p, "is damaged")
	if text, err := os.ReadFile(p.Dirs.History()); err != nil || string(text) != garbage {
		t.Errorf("the doctor changed it: %q, %v", text, err)
	}
	write(t, p.ConfigFile, `{"listen": "127.0.0.1:0", "history": {"enabled": false}}`, 0o644)
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q where nobody wants a history", found)
	}
}

// TestProblemsOfTheInstance: what it says of itself is told, but not what was found anyway.
func TestProblemsOfTheInstance(t *testing.T) {
	p := patient(t, "{\n  \"mcpServers\": {,} }")
	write(t, p.Dirs.AdminToken(), "admin\n", 0o600)
	own := Run(t.Context(), p)
	if len(own) != 1 {
		t.Fatalf("found %+v", own)
	}
	again, err := json.Marshal(own[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	p.PID = os.Getpid()
	p.Running = running(t, `{"problems": [{"code": "MPT-CONFIG", "text": `+string(again)+`},
		{"code": "MPT-HISTORY-DAMAGED", "text": "The history was damaged.", "hint": "Remove the old one."},
		{"code": "MPT-MCP-OPEN", "text": "Every program can use it.", "hint": "Remove it."}]}`)
	want := []Finding{own[0],
		{Check: "instance", Text: "The history was damaged.", Why: "The running instance says so (MPT-HISTORY-DAMAGED).", Hint: "Remove the old one."},
		{Check: "instance", Text: "Every program can use it.", Why: "The running instance says so (MPT-MCP-OPEN).", Hint: "Remove it.", Minor: true}}
	if found := Run(t.Context(), p); !slices.Equal(found, want) {
		t.Errorf("found %+v, want %+v", found, want)
	}
	if err := os.Remove(p.Dirs.AdminToken()); err != nil {
		t.Fatal(err)
	}
	if found := Run(t.Context(), p); len(found) != 1 {
		t.Errorf("found %+v without its token", found)
	}
}

// TestOurOwnCommand: the program's name means the program, whatever its file is called.
func TestOurOwnCommand(t *testing.T) {
	p := patient(t, `{"listen": "127.0.0.1:0", "mcpServers": {"demo": {"command": "mcpproxy-tray", "args": ["demo-server"]}}}`)
	want(t, p, `The command "mcpproxy-tray" of the server "demo" is not found.`)
	p.Self = filepath.Join(p.Dirs.Data, "bin", "tool")
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestOrphansAreFound starts what a crash would leave.
func TestOrphansAreFound(t *testing.T) {
	p := patient(t, good)
	tree := guard.New()
	if _, err := tree.Claim(p.Dirs.Data); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "600")
	if err := tree.Start(cmd); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // it was killed
	defer tree.Stop(cmd.Process, 0)
	want(t, p, fmt.Sprintf("orphans: Process %d of a server runs although", cmd.Process.Pid))
	if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the doctor ended it: %v", err)
	}
}

// TestEnvironOfTheInstance takes what the running instance was started with.
func TestEnvironOfTheInstance(t *testing.T) {
	p := patient(t, `{"listen": "127.0.0.1:0", "mcpServers": {"a": {"command": "tool", "env": {"K": "${env:OF_THE_INSTANCE}"}}}}`)
	cmd := exec.Command("sleep", "600")
	cmd.Env = append(p.Environ, "OF_THE_INSTANCE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // it was killed
	defer cmd.Process.Kill()
	want(t, p, `"OF_THE_INSTANCE", which is not set`)
	p.Environ, p.Running, p.PID = nil, running(t, "{}"), cmd.Process.Pid
	if found := findings(t, p); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	t.Setenv("SHLVL", "1")
	if x := newExam(t.Context(), Patient{}); len(x.Environ) != len(os.Environ())-1 {
		t.Error("a start at login would have SHLVL")
	}
}

func TestACheckThatHangsIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		hang := make(chan struct{})
		found := run(ctx, &exam{}, []check{
			{"slow", func(context.Context, *exam) []Finding { <-hang; return nil }},
			{"quick", func(context.Context, *exam) []Finding { return []Finding{{Text: "ill"}} }},
		})
		close(hang)
		synctest.Wait()
		if len(found) != 2 || found[0].Check != "slow" || found[1].Text != "ill" {
			t.Errorf("found %v, want one of each check", found)
		}
	})
}

// TestHintsCanBePasted has a real shell do what the hint says, in a folder with an odd name.
func TestHintsCanBePasted(t *testing.T) {
	p := patient(t, good)
	p.Dirs.Data = filepath.Join(p.Dirs.Data, "it's  a $HOME; `x`\u200b\n")
	write(t, p.Dirs.AdminToken(), "x", 0o644)
	found := Run(t.Context(), p)
	if len(found) != 1 {
		t.Fatalf("found %+v, want one", found)
	}
	line, ok := strings.CutPrefix(found[0].Hint, "Run: ")
	if out, err := exec.Command("bash", "-c", line).CombinedOutput(); !ok || err != nil {
		t.Errorf("%s: %v, %s", line, err, out)
	}
	if found := Run(t.Context(), p); len(found) > 0 {
		t.Errorf("found %+v after its own hint", found)
	}
}
