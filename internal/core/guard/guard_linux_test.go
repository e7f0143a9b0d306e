package guard

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestExitCode(t *testing.T) {
	for _, code := range []int{0, 1, 2, 3, 77} {
		p := run(t, fmt.Sprint("exit ", code))
		if got := p.ends(t); got != code {
			t.Errorf("app returned %d: exit code %d\n%s", code, got, p.err.String())
		}
		if n := p.starts(t); n != 1 {
			t.Errorf("app returned %d: started %d times", code, n)
		}
	}
}

func TestCrashRestarts(t *testing.T) {
	for do, code := range map[string]int{"panic": 2, "kill": 128 + 9} {
		p := run(t, do)
		if got := p.ends(t); got != code {
			t.Errorf("%s: exit code %d, want %d", do, got, code)
		}
		if n := p.starts(t); n != 1+mostRestarts {
			t.Errorf("%s: started %d times, want %d", do, n, 1+mostRestarts)
		}
		if !strings.Contains(p.err.String(), "giving up") {
			t.Errorf("%s: does not say why it ends: %s", do, p.err.String())
		}
	}
}

func TestRestartsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		crash := syscall.WaitStatus(syscall.SIGSEGV)
		for i := range 3 * mostRestarts { // one each 15 s is the most that lasts
			if !k.again(crash, false) {
				t.Fatalf("crash %d after %v is the last", i+1, time.Duration(i)*restartSpan/mostRestarts)
			}
			time.Sleep(restartSpan / mostRestarts)
		}
		for range mostRestarts - 1 { // the oldest is exactly a minute old
			k.again(crash, false)
		}
		if k.again(crash, false) {
			t.Error("started a fifth time within a minute")
		}
	})
}

func TestNoRestartWhenAsked(t *testing.T) {
	k := &keeper{asked: syscall.SIGTERM}
	if k.again(syscall.WaitStatus(syscall.SIGSEGV), false) {
		t.Error("started again after it was asked to end")
	}
}

func TestStopSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p := run(t, "serve")
		p.says(t, "ready")
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if got := p.ends(t); got != 0 {
			t.Errorf("%v: exit code %d\n%s", sig, got, p.err.String())
		}
		if left := p.w.look(); len(left) > 0 {
			t.Errorf("%v: left when the guard had ended: %v", sig, left)
		}
	}
}

// TestGroupSignal sends the signal to guard and app at once, as service managers do.
func TestGroupSignal(t *testing.T) {
	p := run(t, "serve")
	p.says(t, "ready")
	app, ok := p.app()
	if !ok {
		t.Fatal("no app")
	}
	for _, pid := range []int{app.pid, p.Process.Pid} {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.ends(t); got != 0 {
		t.Errorf("exit code %d, want an ordered end\n%s", got, p.err.String())
	}
	p.leavesNothing(t)
}

func TestHangUpIgnored(t *testing.T) {
	p := prepare(t, newWitness(), t.TempDir(), "serve")
	p.Path, p.Args = "/bin/sh", []string{"sh", "-c", `trap "" HUP; exec "$0"`, p.Path}
	p.mustStart(t)
	p.says(t, "ready")
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.ends(t); got != 0 {
		t.Errorf("exit code %d", got)
	}
	if !strings.Contains(ignoredSignals(t, `trap "" HUP; `), "HUP") || strings.Contains(ignoredSignals(t, ""), "HUP") {
		t.Error("the shell does not hand down an ignored signal")
	}
}

// ignoredSignals says whether a child of a shell ignores SIGHUP.
func ignoredSignals(t *testing.T, prefix string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", prefix+`grep SigIgn /proc/self/status`).Output()
	if err != nil {
		t.Fatal(err)
	}
	var mask uint64
	fmt.Sscanf(string(out), "SigIgn: %x", &mask)
	if mask&1 != 0 {
		return "HUP"
	}
	return ""
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := run(t, "deaf")
	p.says(t, "ready")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.says(t, "asked")
	begin := time.Now()
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := p.ends(t); got != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d", got)
	}
	t.Logf("ended %v after the second signal", time.Since(begin))
	if left := p.w.look(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWhatASecondSignalMeans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		k.pass(syscall.SIGTERM)
		k.pass(syscall.SIGHUP) // the end of a session sends both
		time.Sleep(patience - time.Second)
		if got := k.urgedBy(); got != nil {
			t.Errorf("SIGHUP after SIGTERM: urged by %v", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := k.urgedBy(); got != syscall.SIGKILL {
			t.Errorf("an app that does not end in %v: urged by %v", patience, got)
		}
		k = &keeper{}
		k.pass(syscall.SIGHUP)
		k.pass(syscall.SIGTERM)
		if got := k.urgedBy(); got != syscall.SIGTERM {
			t.Errorf("SIGTERM as the second signal: urged by %v", got)
		}
	})
}

func (k *keeper) urgedBy() os.Signal {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.urged
}

// TestBrokenOutput ends the program while its terminal is gone: each of the three
// files is a pipe nobody holds the other end of, or closed. The guard is killed, so
// that the app has to sweep; and it is asked to end.
func TestBrokenOutput(t *testing.T) {
	for mask := range 8 {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			p := prepare(t, newWitness(), t.TempDir(), "serve")
			script := `exec "$0"`
			for fd := range 3 {
				if mask&(1<<fd) != 0 {
					script += fmt.Sprintf(" %d>&-", fd)
				}
			}
			p.Path, p.Args = "/bin/sh", []string{"sh", "-c", script, p.Path}
			stdout, stderr := brokenPipe(t), brokenPipe(t)
			p.Stdout, p.Stderr = stdout, stderr
			p.mustStart(t)
			stdout.Close()
			stderr.Close()
			// It cannot say that it is ready.
			waitFor(t, "all servers", func() bool { return len(p.w.look()) >= 2+processes })
			if err := p.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if got := p.ends(t); got != 0 && sig != syscall.SIGKILL {
				t.Errorf("closed files %03b, %v: exit code %d", mask, sig, got)
			}
			p.leavesNothing(t)
		}
	}
}

// brokenPipe returns the end for writing of a pipe that nobody reads.
func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	return w
}
