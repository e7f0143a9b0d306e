package guard

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A witness looks at the machine without the code under test. It knows a process of
// a cycle by the token in its command line or environment.
type witness struct{ token string }

// A sighting is a process as a witness saw it.
type sighting struct {
	pid   int
	start string
	what  string
}

// thisRun is how all tokens of this run begin, so that one look finds what any
// cycle has left. Its digits are a fraction of a second that sleep accepts.
var thisRun = witness{fmt.Sprintf("%09d", rand.Int64N(1e9))}

// newWitness returns one with a token that nobody else has.
func newWitness() witness { return witness{fmt.Sprintf("%s%09d", thisRun.token, rand.Int64N(1e9))} }

// look returns the living processes of the cycle.
func (w witness) look() []sighting {
	var all []sighting
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(dir + "/cmdline")
		if !bytes.Contains(line, []byte(w.token)) {
			env, _ := os.ReadFile(dir + "/environ")
			if !bytes.Contains(env, []byte(tokenVariable+"="+w.token)) {
				continue
			}
		}
		if start, alive := startOf(pid); alive {
			all = append(all, sighting{pid, start, strings.ReplaceAll(string(line), "\x00", " ")})
		}
	}
	return all
}

// startOf returns when a process started, and whether it lives.
func startOf(pid int) (start string, alive bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return f[19], f[0] != "Z" && f[0] != "X"
}

func (s sighting) alive() bool {
	start, alive := startOf(s.pid)
	return alive && start == s.start
}

// kill kills what was seen, and nobody else.
func (s sighting) kill() bool {
	p, err := os.FindProcess(s.pid)
	return err == nil && s.alive() && p.Kill() == nil
}

// gone waits until two looks in a row see nothing and returns how long it took.
func (w witness) gone(limit time.Duration) (took time.Duration, left []sighting) {
	begin := time.Now()
	for quiet := 0; quiet < 2; time.Sleep(5 * time.Millisecond) {
		left = w.look()
		if len(left) > 0 {
			quiet, took = 0, time.Since(begin)
		} else {
			quiet++
		}
		if took > limit {
			return took, left
		}
	}
	return took, nil
}

// waitFor polls until done says so.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// A program is one start of the test binary as guard and app.
type program struct {
	*exec.Cmd
	w    witness
	data string
	out  said
	err  said
}

// said collects what a program prints.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// prepare returns a program that is not started yet.
func prepare(t *testing.T, w witness, data, do string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(os.Args[0]), w: w, data: data}
	p.Env = append(os.Environ(), roleVariable+"="+do, tokenVariable+"="+w.token, dataVariable+"="+data,
		"GORACE=atexit_sleep_ms=0") // the race detector's second would be measured too
	p.Stdout, p.Stderr = &p.out, &p.err
	p.WaitDelay = time.Second // orphans would keep the pipes open
	return p
}

// run starts a program; the test ends whatever is left of it.
func run(t *testing.T, do string) *program {
	t.Helper()
	p := prepare(t, newWitness(), t.TempDir(), do)
	p.mustStart(t)
	return p
}

func (p *program) mustStart(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range p.w.look() {
			s.kill()
		}
	})
}

func (p *program) says(t *testing.T, word string) {
	t.Helper()
	waitFor(t, word, func() bool { return strings.Contains(p.out.String(), word) })
}

// app returns the app below the guard: its child that was invited. The short-lived
// child with which the os package tries out what the system can is none.
func (p *program) app() (sighting, bool) {
	for _, s := range p.w.look() {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.pid))
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(f) > 1 && f[1] == strconv.Itoa(p.Process.Pid) && bytes.Contains(env, []byte(guardVariable+"=")) {
			return s, true
		}
	}
	return sighting{}, false
}

// endTime is how long a program may take to end; its promise is 6 s, on a quiet machine.
const endTime = time.Minute

// ends waits for the end and returns the exit code, negative for a signal. A program
// that hangs is made to say where.
func (p *program) ends(t *testing.T) int {
	t.Helper()
	watchdog := time.AfterFunc(endTime, func() {
		t.Errorf("did not end within %v; goroutines of app and guard follow", endTime)
		if app, ok := p.app(); ok {
			_ = syscall.Kill(app.pid, syscall.SIGQUIT) // it was alive when it was looked at, and its guard has not reaped it
		}
		_ = p.Process.Signal(syscall.SIGQUIT)
	})
	_ = p.Wait() // the state says more
	if !watchdog.Stop() {
		t.Logf("it said:\n%s\n%s", p.out.String(), p.err.String())
	}
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

// leavesNothing fails if a process of the program is still there.
func (p *program) leavesNothing(t *testing.T) time.Duration {
	t.Helper()
	took, left := p.w.gone(10 * time.Second)
	if len(left) > 0 {
		t.Errorf("%d processes are left: %v", len(left), left)
	}
	return took
}

// starts returns how often the app was started.
func (p *program) starts(t *testing.T) int {
	t.Helper()
	lines, err := os.ReadFile(p.data + "/starts")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(lines, []byte("\n"))
}

func TestWitnessSeesAndForgets(t *testing.T) {
	w := newWitness()
	t.Setenv(tokenVariable, w.token)
	cmd := exec.Command("env", "-i", "/bin/sh", "-c", "read x", w.token)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the sighting", func() bool {
		return slices.ContainsFunc(w.look(), func(s sighting) bool { return s.pid == cmd.Process.Pid })
	})
	in.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("read did not fail at the end of input")
	}
	if _, left := w.gone(10 * time.Second); len(left) > 0 {
		t.Errorf("saw the dead: %v", left)
	}
}
