package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// evil is the program, built once.
var evil string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "evilserver")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		evil = filepath.Join(dir, "evilserver")
		if out, err := exec.Command("go", "build", "-o", evil, ".").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		return m.Run()
	}())
}

const (
	greeting = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`
	echoCall = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"id":"a","text":"hello"}}}`
)

// A process is a running evilserver with pipes.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *bytes.Buffer
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(evil, args...), err: &bytes.Buffer{}}
	p.cmd.WaitDelay = time.Second
	p.cmd.Stderr = p.err
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

func (p *process) say(lines ...string) {
	p.t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(p.in, l+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

// rest closes the input and returns what comes until the end, and the exit code.
func (p *process) rest() (string, int) {
	p.in.Close()
	out, _ := io.ReadAll(p.out)
	_ = p.cmd.Wait()
	return string(out), p.cmd.ProcessState.ExitCode()
}

// until reads until the pattern has come.
func (p *process) until(pattern string) string {
	p.t.Helper()
	watchdog := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer watchdog.Stop()
	re := regexp.MustCompile(pattern)
	var all strings.Builder
	for buf := make([]byte, 64<<10); !re.MatchString(all.String()); {
		n, err := p.out.Read(buf)
		if err != nil {
			p.t.Fatalf("%v before %q; got %.300q", err, pattern, all.String())
		}
		all.Write(buf[:n])
	}
	return all.String()
}

// onStdio are the misdeeds that a few lines show: what the script makes of a
// greeting and a call, and how the process ends.
var onStdio = []struct {
	script, want string
	code         int
}{
	{"", `(?s)"id":1,.*protocolVersion.*"id":2,.*"text":"hello"`, 0},
	{"exit=3", `^$`, 3},
	{"exit=139@initialize", `^$`, 139},
	{"exit=KILL@call", `protocolVersion`, -1},
	{"exit=TERM@message:2", `protocolVersion`, -1},
	{"hang@initialize", `^[^\n]*hello[^\n]*\n$`, 0},
	{"slow=30ms;exit=9@call:2", `hello`, 0},
	{"half", `"id":2[^\n]*$`, 1},
	{"huge=100k", `hhh"`, 0},
	{"deep=500", `\[{500}\]{500}`, 0},
	{"error", `"id":2,"error"`, 0},
	{"wrong-id", `"id":987654321,.*hello`, 0},
	{"text-id", `"id":"2",.*hello`, 0},
	{"duplicate", `(?s)hello.*hello`, 0},
	{"stray=2@call:1", `(?s)"id":1000000.*"id":1000001.*hello`, 0},
	{"steal-id", `(?s)"id":2,"method":"roots/list".*hello`, 0},
	{"garbage=banner", `(?s)^Server 1.0.*hello`, 0},
	{"garbage=utf16@call", `(?s)h\x00e\x00.*hello`, 0},
	{"endless-line=100k", `(?s)zzz\n.*hello`, 0},
	{"launcher;exit=4@call", `protocolVersion`, 4},
	{"exit@call~1000000000", `hello`, 0},
	{"exit@call:2+", `hello`, 0},
}

func TestStdio(t *testing.T) {
	for _, tt := range onStdio {
		t.Run(tt.script, func(t *testing.T) {
			p := start(t, "-script", tt.script)
			_, _ = io.WriteString(p.in, greeting+"\n"+echoCall+"\n") // it may have ended
			var said string
			if tt.script == "slow=30ms;exit=9@call:2" {
				said = p.until("hello")
			}
			out, code := p.rest()
			if said += out; !regexp.MustCompile(tt.want).MatchString(said) || code != tt.code {
				t.Errorf("exit code %d, want %d; output %.400q, want %s; stderr %s", code, tt.code, said, tt.want, p.err)
			}
		})
	}
}

// TestUntilKilled is of those that do not end by themselves.
func TestUntilKilled(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{"flood-stdout", `(?s)(notifications/message.*){50}`},
		{"churn=100", `(?s)(list_changed.*){5}`},
		{"ignore-eof;ignore-term", `hello`},
	} {
		t.Run(tt.script, func(t *testing.T) {
			p := start(t, "-script", tt.script)
			p.say(greeting, echoCall)
			p.until(tt.want)
		})
	}
}

// TestRefusesToEnd sends what should end a process, and then looks whether it lives.
func TestRefusesToEnd(t *testing.T) {
	p := start(t, "-script", "ignore-term;ignore-eof")
	p.say(greeting)
	p.until("protocolVersion")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	p.say(echoCall)
	p.until("hello")
	p.in.Close()
	waitFor(t, "the process to wait for nothing", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		return err == nil && bytes.Contains(stat, []byte(") S "))
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func TestSilence(t *testing.T) {
	for _, script := range []string{"deaf", "freeze", "close-stdin", "close-stdout"} {
		t.Run(script, func(t *testing.T) {
			p := start(t, "-script", script)
			_, _ = io.WriteString(p.in, greeting+"\n") // close-stdin does not take it
			read := make(chan error, 1)
			go func() { _, err := p.out.ReadByte(); read <- err }()
			select {
			case err := <-read:
				if err == nil || script != "close-stdout" {
					t.Errorf("it said something (%v)", err)
				}
			case <-time.After(100 * time.Millisecond): // that nothing comes takes time to see
				if script == "close-stdout" {
					t.Error("its output is open")
				}
			}
		})
	}
}

func TestLifeEnds(t *testing.T) {
	p := start(t, "-script", "life=50ms;ignore-eof")
	if _, code := p.rest(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	p = start(t, "-script", "flood-stderr=50ms")
	p.say(greeting)
	p.until("protocolVersion")
	if _, code := p.rest(); code != 0 || p.err.Len() < 1000 {
		t.Errorf("exit code %d, %d bytes on stderr", code, p.err.Len())
	}
}

// TestChildrenAreLeft wants each kind of child to survive its parent, in the way
// that its name says.
func TestChildrenAreLeft(t *testing.T) {
	for _, tt := range []struct {
		kind           string
		session, wiped bool
	}{{"plain", false, false}, {"setsid", true, false}, {"double", true, false}, {"wiped", true, true}} {
		t.Run(tt.kind, func(t *testing.T) {
			token := strconv.FormatUint(rand.Uint64(), 36)
			p := start(t, "-token", token, "-script", "child="+tt.kind)
			p.say(greeting)
			p.until("protocolVersion")
			if _, code := p.rest(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			pid := 0
			waitFor(t, "the child alone", func() bool {
				all := holders(token)
				if len(all) == 1 {
					pid = all[0]
				}
				return len(all) == 1
			})
			child, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = child.Kill() })
			waitFor(t, "it to ignore SIGTERM", func() bool {
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
				return regexp.MustCompile(`SigIgn:\s[0-9a-f]{12}[4567cdef]`).Match(status)
			})
			sid, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
			env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if own := int(sid) == pid; own != tt.session || (len(env) == 0) != tt.wiped {
				t.Errorf("own session: %v, environment of %d bytes", own, len(env))
			}
		})
	}
}

// holders returns the processes with a token in their command line.
func holders(token string) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, _ := os.ReadFile(dir + "/cmdline")
		if bytes.Contains(line, []byte(token)) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestGoodServer uses it through the official library, in both eras and over both transports.
func TestGoodServer(t *testing.T) {
	for _, era := range []string{"-modern=false", "-modern=true"} {
		for _, transport := range []string{"stdio", "http"} {
			t.Run(era+" "+transport, func(t *testing.T) {
				ledger := filepath.Join(t.TempDir(), "ledger")
				args := []string{era, "-ledger", ledger}
				var tr mcp.Transport = &mcp.CommandTransport{Command: exec.Command(evil, args...)}
				if transport == "http" {
					tr = &mcp.StreamableClientTransport{Endpoint: address(t, args...)}
				}
				s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), tr, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				use(t, s)
				if data, err := os.ReadFile(ledger); string(data) != "x\nx\n" {
					t.Errorf("ledger %q, %v", data, err)
				}
			})
		}
	}
}

func use(t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	list, err := s.ListTools(ctx, nil)
	if err != nil || len(list.Tools) != 4 {
		t.Fatalf("tools: %v, %v", list, err)
	}
	for _, c := range []struct {
		tool, want string
		args       map[string]any
	}{
		{"echo", "hello", map[string]any{"id": "x", "text": "hello"}},
		{"sleep", "slept", map[string]any{"id": "x", "seconds": 0.01}},
		{"counts", `{"x":2}`, nil},
		{"misbehave", "", map[string]any{"script": "error@call"}},
	} {
		res, err := s.CallTool(ctx, &mcp.CallToolParams{Name: c.tool, Arguments: c.args})
		if err != nil {
			t.Fatalf("%s: %v", c.tool, err)
		}
		if got := res.Content[0].(*mcp.TextContent).Text; got != c.want {
			t.Errorf("%s = %q, want %q", c.tool, got, c.want)
		}
	}
	if _, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "echo"}); err == nil || !strings.Contains(err.Error(), "as asked") {
		t.Errorf("after misbehave: %v", err)
	}
}

// address starts one over HTTP and returns its URL.
func address(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, append(args, "-http", "127.0.0.1:0")...)
	return strings.TrimSpace(p.until(`\n`))
}
