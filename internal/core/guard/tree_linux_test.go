package guard

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// start starts a server of a kind as a child of the test itself.
func start(t *testing.T, tree *Tree, w witness, kind int) *exec.Cmd {
	t.Helper()
	t.Setenv(tokenVariable, w.token)
	cmd := server(kind)
	if err := tree.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = tree.Stop(cmd.Process, 0)
		_ = cmd.Wait()
	})
	return cmd
}

// atHome is how many processes a server of each kind has.
var atHome = []int{1, 2, 3, 3, 3}

func TestStopEndsEveryKind(t *testing.T) {
	for kind, want := range atHome {
		for _, how := range []string{"running", "ended"} {
			t.Run(servers[kind].name+"/"+how, func(t *testing.T) {
				tree, w, other := New(), newWitness(), newWitness()
				bystander := start(t, tree, other, 0)
				cmd := start(t, tree, w, kind)
				waitFor(t, "the server", func() bool { return len(w.look()) == want })
				if how == "ended" { // what it has started is then nobody's child
					if err := cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
					_ = cmd.Wait()
				}
				if err := tree.Stop(cmd.Process, 30*time.Millisecond); err != nil {
					t.Error(err)
				}
				if left := w.look(); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				if len(other.look()) != 1 {
					t.Errorf("another server has ended with it")
				}
				if err := tree.Stop(cmd.Process, time.Hour); err != nil {
					t.Errorf("second Stop: %v", err)
				}
				_ = tree.Stop(bystander.Process, 0)
			})
		}
	}
}

// TestEnvironmentAlone has a server that resets its limits; what it has detached is
// found by its environment.
func TestEnvironmentAlone(t *testing.T) {
	tree, w := New(), newWitness()
	t.Setenv(tokenVariable, w.token)
	cmd := exec.Command("prlimit", "--locks=unlimited", "sh", "-c", servers[3].script, w.token)
	if err := tree.Start(cmd); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its input is empty, so it ends
	waitFor(t, "the detached", func() bool { return len(w.look()) == 2 })
	if err := tree.Stop(cmd.Process, 10*time.Millisecond); err != nil {
		t.Error(err)
	}
	if left := w.look(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestStopManyAtOnce stops fifty servers that refuse to end, side by side.
func TestStopManyAtOnce(t *testing.T) {
	const many, polite = 50, 200 * time.Millisecond
	tree, w := New(), newWitness()
	var all []*exec.Cmd
	for range many {
		all = append(all, start(t, tree, w, 1))
	}
	waitFor(t, "all servers", func() bool { return len(w.look()) == 2*many })
	begin := time.Now()
	var stops sync.WaitGroup
	for _, cmd := range all {
		stops.Go(func() {
			if err := tree.Stop(cmd.Process, polite); err != nil {
				t.Error(err)
			}
		})
	}
	stops.Wait()
	t.Logf("NUMBER %d servers that refuse: stopped in %v, %v of it polite", many, time.Since(begin).Round(time.Millisecond), polite)
	if left := w.look(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestStopAsksFirst has a server that says goodbye at SIGTERM, once even stopped.
func TestStopAsksFirst(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		tree, file := New(), t.TempDir()+"/goodbye"
		cmd := exec.Command("sh", "-c", `trap 'echo bye >$0; exit' TERM; echo >$0; while :; do sleep 0.01; done`, file)
		if err := tree.Start(cmd); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the trap", func() bool { _, err := os.Stat(file); return err == nil })
		if stopped {
			if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.Stop(cmd.Process, 10*time.Second); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if got, _ := os.ReadFile(file); string(got) != "bye\n" {
			t.Errorf("stopped=%v: it was not asked to end, or not given the time", stopped)
		}
	}
}

// TestClosedGate starts and closes at the same time: what is not refused is ended.
func TestClosedGate(t *testing.T) {
	tree, w := New(), newWitness()
	t.Setenv(tokenVariable, w.token)
	var starters, waiters sync.WaitGroup
	var mu sync.Mutex
	var refused, started int
	for range 4 {
		starters.Go(func() {
			for {
				cmd := server(1)
				err := tree.Start(cmd)
				mu.Lock()
				if err != nil {
					if refused++; !errors.Is(err, ErrClosing) {
						t.Error(err)
					}
					mu.Unlock()
					return
				}
				started++
				mu.Unlock()
				waiters.Go(func() { _ = cmd.Wait() })
			}
		})
	}
	waitFor(t, "some servers", func() bool { mu.Lock(); defer mu.Unlock(); return started > 8 })
	if err := tree.KillAll(0); err != nil {
		t.Error(err)
	}
	if left := w.look(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	starters.Wait()
	waiters.Wait()
	if refused != 4 {
		t.Errorf("%d of 4 were refused", refused)
	}
	if err := tree.StartApart(exec.Command("true")); !errors.Is(err, ErrClosing) {
		t.Errorf("StartApart after the end: %v", err)
	}
}

func TestChildCarriesMark(t *testing.T) {
	tree := New()
	t.Setenv(guardVariable, "1.2.3")
	cmd := exec.Command("sh", "-c", `grep "Max file locks" /proc/self/limits; env`)
	var out strings.Builder
	cmd.Stdout = &out
	if err := tree.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	want := newMark(0, tree.run, 1)
	if !strings.Contains(out.String(), Variable+"="+want.String()+"\n") || strings.Contains(out.String(), guardVariable) {
		t.Errorf("environment of a child: %s", out.String())
	}
	if f := strings.Fields(out.String()); len(f) < 4 {
		t.Error("no limit")
	} else if m, ok := parseMark(f[3], 10); !ok || m != want {
		t.Errorf("limit of a child: %s, want %d", f[3], want)
	}
	if m, _ := carried(os.Getpid(), make([]byte, environSize)); m == want {
		t.Error("this process kept the mark of its child")
	}
}

// TestClaim ends what a dead run left, and neither what a living run owns nor what
// belongs to another directory.
func TestClaim(t *testing.T) {
	data, other := t.TempDir(), t.TempDir()
	first := run(t, "serve") // alive, with a directory of its own
	first.says(t, "ready")
	const alive = 2 + processes
	waitFor(t, "all servers", func() bool { return len(first.w.look()) == alive })
	for dir, want := range map[string]int{first.data: 0, data: 3, other: 0} {
		tree, w := New(), newWitness()
		tree.data = dataID(data)
		cmd := start(t, tree, w, 4)
		waitFor(t, "the server", func() bool { return len(w.look()) == 3 })
		found, err := New().Claim(dir)
		if err != nil {
			t.Error(err)
		}
		if len(found) != want || len(w.look()) != 3-want {
			t.Errorf("Claim found %d, left %d; want %d", len(found), len(w.look()), want)
		}
		_ = tree.Stop(cmd.Process, 0)
	}
	if n := len(first.w.look()); n != alive {
		t.Errorf("of a living instance %d of %d processes are left", n, alive)
	}
}

func TestPidsAreNotTrusted(t *testing.T) {
	w := newWitness()
	cmd := start(t, New(), w, 1)
	p, ok := look(cmd.Process.Pid)
	if !ok {
		t.Fatal("not there")
	}
	p.start-- // somebody who had the number before
	send(p, syscall.SIGKILL)
	h := hunt{roots: []process{p}, ours: func(mark) bool { return false }}
	if err := h.end(time.Millisecond, time.Second); err != nil {
		t.Error(err)
	}
	if !(sighting{cmd.Process.Pid, mustStart(t, cmd.Process.Pid), ""}).alive() {
		t.Error("a later owner of the number was killed")
	}
}

func mustStart(t *testing.T, pid int) string {
	t.Helper()
	start, alive := startOf(pid)
	if !alive {
		t.Errorf("process %d has ended", pid)
	}
	return start
}

// TestOpenedProgramsStay ends the program in three ways; the "editor" lives on.
func TestOpenedProgramsStay(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		p := run(t, "open")
		p.says(t, "ready")
		waitFor(t, "the editor", func() bool { return len(p.w.look()) == 4 })
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = p.Wait()
		waitFor(t, "the end of the rest", func() bool { return len(p.w.look()) == 1 })
		if left := p.w.look(); len(left) != 1 || !strings.HasPrefix(left[0].what, "sleep") {
			t.Errorf("%v: left: %v", sig, left)
		}
	}
}

// TestForeignChildrenStay has a script that starts something and becomes the program.
func TestForeignChildrenStay(t *testing.T) {
	p := prepare(t, newWitness(), t.TempDir(), "serve")
	p.Path, p.Args = "/bin/sh", []string{"sh", "-c", `sleep 86400.$1 & exec "$0"`, p.Path, p.w.token}
	p.mustStart(t)
	p.says(t, "ready")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.ends(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := p.w.look(); len(left) != 1 || !strings.HasPrefix(left[0].what, "sleep") {
		t.Errorf("left: %v, want the script's own child", left)
	}
}
