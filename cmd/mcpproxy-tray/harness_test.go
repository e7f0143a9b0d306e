//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcpproxy-tray/internal/core"
)

// patience is how long a test waits for what should take milliseconds; the
// machine may be busy with other tests.
const patience = 20 * time.Second

// buildDir is where binary put the program, for the end of the tests.
var buildDir atomic.Pointer[string]

// binary builds the program once, as a user would get it: without cgo and
// without the race detector, which reports races inside the tray library.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mcpproxy-tray-bin")
	if err != nil {
		return "", err
	}
	buildDir.Store(&dir)
	path := filepath.Join(dir, "mcpproxy-tray")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-X main.version=1.2.3-test", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func programPath(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A program is one running instance with a home of its own.
type program struct {
	t      testing.TB
	home   string
	cmd    *exec.Cmd
	output *syncBuffer
	ended  chan struct{} // closed once the process has ended
	err    error         // of Wait; valid after ended
	url    string
	app    int // process id of the one that serves, below cmd, which is its guard
	admin  string
}

// A syncBuffer is a bytes.Buffer that a process writes while a test reads.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// writeConfig puts a configuration into home; a free port is added.
func writeConfig(t testing.TB, home, servers, settings string) string {
	t.Helper()
	path := filepath.Join(home, "config.json")
	text := fmt.Sprintf("{\n  \"listen\": \"127.0.0.1:0\",%s\n  \"mcpServers\": {%s}\n}\n", settings, servers)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// command is the program with this home and no desktop but what env says.
func command(t testing.TB, home string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(programPath(t), args...)
	cmd.Dir = home
	for _, kv := range os.Environ() {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "MCPPROXY_TRAY_HOME":
		default:
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "MCPPROXY_TRAY_HOME="+home, "XDG_RUNTIME_DIR="+home)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// launch starts the program without waiting for it to be up.
func launch(t testing.TB, home string, env []string, args ...string) *program {
	t.Helper()
	cmd := command(t, home, env, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return begin(t, home, cmd)
}

// begin starts cmd as the program of home; the test ends it.
func begin(t testing.TB, home string, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, home: home, cmd: cmd, output: &syncBuffer{}, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	return p
}

// run starts the program and waits until it answers.
func run(t testing.TB, home string, env []string, args ...string) *program {
	t.Helper()
	p := launch(t, home, env, args...)
	p.waitUp()
	return p
}

func (p *program) waitUp() {
	p.t.Helper()
	p.wait("the program to be up", func() bool {
		inst, ok := readInstanceFile(p.home)
		if !ok || inst.GuardPID != p.cmd.Process.Pid {
			return false
		}
		p.url, p.app = inst.URL, inst.PID
		token, err := os.ReadFile(filepath.Join(p.home, "admin.token"))
		p.admin = strings.TrimSpace(string(token))
		return err == nil
	})
}

func readInstanceFile(home string) (inst core.Instance, ok bool) {
	data, err := os.ReadFile(filepath.Join(home, "instance.json"))
	return inst, err == nil && json.Unmarshal(data, &inst) == nil
}

// stop ends the program in order, and by force if it does not.
func (p *program) stop() {
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may end by itself at this moment
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("the program did not end within %v of SIGTERM; its output:\n%s", patience, p.output)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if p.t.Failed() {
		p.t.Logf("output of the program:\n%s", p.output)
	}
}

// wait waits for a condition; what names it. It fails at once if the program ends.
func (p *program) wait(what string, cond func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		select {
		case <-p.ended:
			p.t.Fatalf("the program ended (%v) while waiting for %s; its output:\n%s", p.err, what, p.output)
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited %v for %s; output:\n%s", patience, what, p.output)
		}
	}
}

// api sends a request with the admin token and returns status and body.
func (p *program) api(method, path, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.admin)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, p.output)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// server returns one server as the API words it; ok is false if there is none.
func (p *program) server(name string) (s serverDoc, ok bool) {
	p.t.Helper()
	status, body := p.api("GET", "/api/v1/servers", "")
	if status != 200 {
		p.t.Fatalf("GET /api/v1/servers: %d %s", status, body)
	}
	var list struct{ Servers []serverDoc }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		p.t.Fatal(err)
	}
	for _, s := range list.Servers {
		if s.Name == name {
			return s, true
		}
	}
	return serverDoc{}, false
}

// A serverDoc is a server in the API's document, with what only tests look at.
type serverDoc struct {
	server
	PID      int    `json:"pid"`
	Protocol string `json:"protocol"`
}

// waitState waits until a server is in a state and returns it.
func (p *program) waitState(name, state string) serverDoc {
	p.t.Helper()
	var s serverDoc
	p.wait(fmt.Sprintf("server %s to be %s", name, state), func() bool {
		s, _ = p.server(name)
		return s.State == state
	})
	return s
}

// cli runs one command of the program for this home and returns its output.
func cli(t testing.TB, home string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, home, nil, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
