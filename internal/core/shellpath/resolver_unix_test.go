//go:build unix

package shellpath

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A home is a user's home directory with a login shell.
type home struct {
	tb    testing.TB
	dir   string
	shell string
}

func newHome(tb testing.TB, shell string) home { return home{tb, tb.TempDir(), shell} }

func (h home) at(name string) string { return filepath.Join(h.dir, name) }

func (h home) write(name, text string, mode os.FileMode) {
	h.tb.Helper()
	if err := os.MkdirAll(filepath.Dir(h.at(name)), 0o700); err != nil {
		h.tb.Fatal(err)
	}
	if err := os.WriteFile(h.at(name), []byte(text), mode); err != nil {
		h.tb.Fatal(err)
	}
}

func (h home) read(name string) string {
	text, _ := os.ReadFile(h.at(name)) // not there yet: empty
	return string(text)
}

// resolver asks the home's shell as a program would that a desktop has started.
func (h home) resolver(env ...string) *Resolver {
	return New(Options{
		Processes: guard.New(), Limit: 20 * time.Second,
		Environ: append([]string{"HOME=" + h.dir, "SHELL=" + h.shell, "PATH=/usr/bin:/bin:/ours"}, env...),
	})
}

// fake returns a home whose shell is a script. "answer" in it prints what a
// shell is asked for, with /fake as its PATH.
func fake(tb testing.TB, script string) home {
	h := newHome(tb, "")
	h.shell = h.at("fakesh")
	h.write("fakesh", "#!/bin/sh\necho $$ >> \"$HOME/pids\"\nfor question; do :; done\nanswer() { PATH=/fake eval \"$question\"; }\ncd \"$HOME\"\n"+script+"\n", 0o700)
	return h
}

// started returns the processes that the fake shell has noted.
func (h home) started() (pids []int) {
	for _, f := range strings.Fields(h.read("pids")) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// wantNothingLeft fails if one of them still runs.
func (h home) wantNothingLeft() {
	h.tb.Helper()
	if len(h.started()) == 0 {
		h.tb.Error("no shell was started")
	}
	for _, pid := range h.started() {
		for until := time.Now().Add(5 * time.Second); runs(pid); {
			if time.Now().After(until) {
				h.tb.Errorf("process %d is left", pid)
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// runs reports whether a process is there and has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

const ownPath = "/usr/bin:/bin:/ours"

// TestRealShells asks each shell that this machine has, with start-up files that
// print noise and put odd folders on the PATH.
func TestRealShells(t *testing.T) {
	const posix = "printf noise\nexport PATH=\"/login:/with  two blanks/*:relative:$PATH:/login\"\n"
	rc := map[string]map[string]string{
		"bash": {".bash_profile": posix + ". ~/.bashrc", ".bashrc": "case $- in *i*) PATH=/interactive:$PATH;; esac\nset -x"},
		"dash": {".profile": posix + "case $- in *i*) PATH=/interactive:$PATH;; esac"},
		"sh":   {".profile": posix + "case $- in *i*) PATH=/interactive:$PATH;; esac"},
		"ksh":  {".profile": posix + "case $- in *i*) PATH=/interactive:$PATH;; esac"},
		"zsh":  {".zprofile": posix, ".zshrc": "path=(/interactive $path)\nsetopt xtrace"},
		"fish": {".config/fish/config.fish": "echo noise\nif status is-login; set -gx PATH /login '/with  two blanks/*' $PATH; end\nif status is-interactive; set -gx PATH /interactive $PATH; end\n"},
		"tcsh": {".login": "setenv PATH \"/login:/with  two blanks/*:$PATH\"\nsetenv PATH \"/interactive:$PATH\"", ".tcshrc": "echo noise"},
	}
	tried := 0
	for name, files := range rc {
		shell, err := exec.LookPath(name)
		if err != nil {
			continue // this machine does not have it; the kinds are told apart in TestQuestion
		}
		tried++
		t.Run(name, func(t *testing.T) {
			h := newHome(t, shell)
			for file, text := range files {
				h.write(file, text+"\n", 0o600)
			}
			got := h.resolver().Path(t.Context())
			if want := "/interactive:/login:/with  two blanks/*:"; !strings.HasPrefix(got, want) {
				t.Errorf("PATH = %q, want %q…", got, want)
			}
			dirs := filepath.SplitList(got)
			for _, want := range []string{"/usr/bin", "/bin", "/ours"} {
				if !slices.Contains(dirs, want) {
					t.Errorf("PATH %q lacks %s", got, want)
				}
			}
			if slices.Contains(dirs, "relative") || len(slices.Compact(slices.Sorted(slices.Values(dirs)))) != len(dirs) {
				t.Errorf("PATH %q has relative entries or duplicates", got)
			}
		})
	}
	if tried < 2 {
		t.Errorf("only %d shells were tried", tried)
	}
}

func TestShellsThatMisbehave(t *testing.T) {
	const found = "/fake:" + ownPath
	for _, tt := range []struct{ name, script, want string }{
		{"answers", "answer", found},
		{"prints noise", "printf 'motd\\nPATH=/x\\n'; answer; echo bye", found},
		{"prints no line end", "printf %s noise; answer; printf %s more", found},
		{"repeats the question", "echo \"$question\"; answer", found},
		{"answers and hangs", "answer; echo $$ >> pids; exec sleep 1000", found},
		{"answers and leaves something that holds its output", "sleep 1000 & echo $! >> pids; answer", found},
		{"leaves something in a session of its own", "setsid sh -c 'echo $$ >> pids; exec sleep 1000' & while [ $(wc -l < pids) -lt 2 ]; do :; done; answer", found},
		{"ignores signals", "trap '' TERM HUP INT; answer; while :; do sleep 1; done", found},
		{"prints much and answers", "head -c 500000 /dev/zero; answer", found},
		{"fails", "exit 1", ownPath},
		{"answers and fails", "answer; exit 1", found},
		{"says nothing", "exit 0", ownPath},
		{"has no PATH", "PATH= ; eval \"$question\"", ownPath},
		{"says half of it", "answer | head -c 40", ownPath},
		{"kills itself", "kill -KILL $$", ownPath},
		{"prints 10 MB", "head -c 10000000 /dev/zero; answer", ownPath},
		{"prints for ever", "yes", ownPath},
		{"ends and leaves something that holds its output", "sleep 1000 & echo $! >> pids; exit 1", ownPath},
		{"reads its input", "cat; answer", found},
		{"asks its terminal", "cat < /dev/tty || answer", found},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := fake(t, tt.script)
			if got := h.resolver().Path(t.Context()); got != tt.want {
				t.Errorf("PATH = %q, want %q", got, tt.want)
			}
			h.wantNothingLeft()
		})
	}
}

func TestShellThatHangs(t *testing.T) {
	for _, script := range []string{"sleep 1000; answer", "trap '' TERM; while :; do sleep 1; done", "while :; do printf x; done", "kill -STOP $$"} {
		h := fake(t, script)
		r := h.resolver()
		r.o.Limit = 300 * time.Millisecond
		start := time.Now()
		if got := r.Path(t.Context()); got != ownPath {
			t.Errorf("%s: PATH = %q, want our own", script, got)
		}
		if d := time.Since(start); d < r.o.Limit || d > 10*r.o.Limit {
			t.Errorf("%s: gave up after %s, want %s", script, d, r.o.Limit)
		}
		h.wantNothingLeft()
	}
}

// TestShellThatHangsCleansUp asks a shell to end before it is killed: pyenv's start-up
// holds a lock meanwhile, and a lock that is left makes every later shell wait a minute.
func TestShellThatHangsCleansUp(t *testing.T) {
	h := fake(t, `exec bash -c 'trap "rm lock" EXIT; echo > lock; echo > locked; while :; do sleep 0.05; done'`)
	r := h.resolver()
	r.o.Limit = time.Second
	r.Path(t.Context())
	if h.read("locked") == "" {
		t.Fatal("the shell did not come so far")
	}
	if h.read("lock") != "" {
		t.Error("the lock is left")
	}
	h.wantNothingLeft()
}

func TestShellIsRunOnce(t *testing.T) {
	h := fake(t, "answer")
	r := h.resolver()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := r.Path(t.Context()); got != "/fake:"+ownPath {
				t.Errorf("PATH = %q", got)
			}
		})
	}
	wg.Wait()
	if n := len(h.started()); n != 1 {
		t.Errorf("%d shells were run", n)
	}
}

// TestStartUpFileChanges changes, makes and removes a file that the shell reads.
func TestStartUpFileChanges(t *testing.T) {
	h := fake(t, "touch .zshrc; . ./.profile; PATH=$LOGIN eval \"$question\"")
	h.write(".profile", "LOGIN=/one", 0o600)
	r := h.resolver()
	want := func(path string, shells int) {
		t.Helper()
		if got := r.Path(t.Context()); got != path+":"+ownPath {
			t.Errorf("PATH = %q, want %s first", got, path)
		}
		if n := len(h.started()); n != shells {
			t.Errorf("%d shells were run, want %d", n, shells)
		}
	}
	want("/one", 1)
	want("/one", 1) // although the shell itself has written one
	if f := r.known.Load(); f.until.IsZero() {
		t.Error("what was written while the shell read it counts as read")
	}
	h.write(".profile", "LOGIN=/second", 0o600)
	want("/second", 2)
	h.write(".bashrc", "", 0o600)
	want("/second", 3)
	h.write(".profile", "exit 1", 0o600)
	want("/second", 4) // better than nothing
	want("/second", 4)
}

// TestShellThatFailsIsAskedAgain wants no other start of the program before what
// was slow or broken once works again.
func TestShellThatFailsIsAskedAgain(t *testing.T) {
	h := fake(t, "[ -e ready ] && answer")
	r := h.resolver()
	for failures, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		before := time.Now()
		for range 2 {
			if got := r.Path(t.Context()); got != ownPath {
				t.Errorf("PATH = %q", got)
			}
		}
		f := *r.known.Load()
		if d := f.until.Sub(before); d < wait || d > wait+30*time.Second || len(h.started()) != failures+1 {
			t.Errorf("failure %d: asked again after %s, want %s; %d shells were run", failures, d, wait, len(h.started()))
		}
		f.until = time.Now() // as if the time had passed
		r.known.Store(&f)
	}
	h.write("ready", "", 0o600)
	if got := r.Path(t.Context()); got != "/fake:"+ownPath {
		t.Errorf("PATH = %q, want the shell's", got)
	}
	if f := r.known.Load(); !f.until.IsZero() {
		t.Errorf("an answer holds until %s only", f.until)
	}
}

func TestWhoStopsWaitingDoesNotDecideForOthers(t *testing.T) {
	h := fake(t, "while [ ! -e go ]; do sleep 0.01; done; answer")
	r := h.resolver()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan string, 1)
	go func() { first <- r.Path(ctx) }()
	for until := time.Now().Add(20 * time.Second); len(h.started()) == 0 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	done, cancelDone := context.WithCancel(t.Context())
	cancelDone()
	if got := r.Path(done); got != ownPath { // while another one waits for the shell
		t.Errorf("PATH = %q, want our own", got)
	}
	cancel()
	if got := <-first; got != ownPath {
		t.Errorf("PATH = %q, want our own", got)
	}
	h.write("go", "", 0o600)
	if got := r.Path(t.Context()); got != "/fake:"+ownPath {
		t.Errorf("PATH = %q, want the shell's", got)
	}
	h.wantNothingLeft()
}

func TestStartedFromAShell(t *testing.T) {
	for level, asked := range map[string]bool{"": true, "0": true, "x": true, "1": false, "3": false} {
		h := fake(t, "answer")
		env := []string{"PATH=rel:/a:/a"} // the last one counts
		if level != "" {
			env = append(env, "SHLVL="+level)
		}
		want := "rel:/a:/a"
		if asked {
			want = "/fake:/a"
		}
		if got := h.resolver(env...).Path(t.Context()); got != want {
			t.Errorf("SHLVL=%s: PATH = %q, want %q", level, got, want)
		}
		if (len(h.started()) == 1) != asked {
			t.Errorf("SHLVL=%s: %d shells were run", level, len(h.started()))
		}
	}
}

func TestShellGetsLittle(t *testing.T) {
	h := fake(t, "env > env; ps -o sid= $$ > sid; echo $$ > pid; answer")
	h.resolver("LD_PRELOAD=/evil.so", "SECRET=x", "ZDOTDIR=/z", "MCPPROXY_TRAY_TOKEN=t", "BASH_ENV=/evil", "LANG=C").Path(t.Context())
	env := h.read("env")
	for _, bad := range []string{"LD_PRELOAD", "SECRET", "MCPPROXY_TRAY_TOKEN", "BASH_ENV"} {
		if strings.Contains(env, bad) {
			t.Errorf("the shell gets %s", bad)
		}
	}
	for _, good := range []string{"HOME=" + h.dir, "TERM=dumb", "ZDOTDIR=/z", "LANG=C", "MCPPROXY_TRAY_RESOLVING_PATH=1"} {
		if !strings.Contains(env, good+"\n") {
			t.Errorf("the shell lacks %s", good)
		}
	}
	if strings.TrimSpace(h.read("sid")) != strings.TrimSpace(h.read("pid")) {
		t.Errorf("the shell %q is in session %q", h.read("pid"), h.read("sid"))
	}
}

func TestNoShellAtAll(t *testing.T) {
	h := newHome(t, "")
	tree := guard.New()
	tree.Close() // the program is ending
	r := New(Options{Processes: tree, Environ: []string{"HOME=" + h.dir}})
	if got := r.Path(t.Context()); got != usual {
		t.Errorf("PATH = %q, want %q", got, usual)
	}
}

// TestAskSaysWhy asks at once, keeps nothing, and tells why there is no answer.
func TestAskSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		script, want string
		err          error
	}{
		{"answer", "/fake:" + ownPath, nil},
		{"exit 1", ownPath, ErrNoAnswer},
		{"yes", ownPath, ErrTooMuch},
		{"sleep 1000", ownPath, ErrTooLate},
	} {
		h := fake(t, tt.script)
		r := h.resolver()
		if errors.Is(tt.err, ErrTooLate) {
			r.o.Limit = 300 * time.Millisecond
		}
		for range 2 {
			if got, err := r.Ask(t.Context()); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s: Ask = %q, %v, want %q, %v", tt.script, got, err, tt.want, tt.err)
			}
		}
		if n := len(h.started()); n != 2 {
			t.Errorf("%s: %d shells started, want 2", tt.script, n)
		}
		h.wantNothingLeft()
	}
	if got, err := fake(t, "exit 1").resolver("SHLVL=1").Ask(t.Context()); got != ownPath || err != nil {
		t.Errorf("from a shell: Ask = %q, %v", got, err)
	}
}

// TestEndOfTheProgramIsNoFault stops waiting for a shell because the program ends.
func TestEndOfTheProgramIsNoFault(t *testing.T) {
	h := fake(t, "echo > asked; sleep 1000")
	r := h.resolver()
	var log bytes.Buffer
	r.log = slog.New(slog.NewTextHandler(&log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for h.read("asked") == "" && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	if got := r.Path(ctx); got != ownPath {
		t.Errorf("PATH = %q, want our own", got)
	}
	<-stop
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	h.wantNothingLeft()
}
