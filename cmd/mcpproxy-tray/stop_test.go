//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var refusers = flag.Int("refusers", 100, "servers of TestStopRefused that refuse to end")

// The promises of the end of the program, on a quiet machine. Tests fail later.
const (
	stopPromise    = 6 * time.Second // whatever the servers do
	typicalPromise = time.Second
	stopSlack      = 10 * time.Second
)

// runKilled starts the program with servers of one script, connected, and returns a
// witness of all its processes.
func runKilled(t *testing.T, n int, script string, wrap func(*exec.Cmd)) (*program, witness) {
	t.Helper()
	w := newWitness()
	t.Cleanup(func() {
		for _, l := range w.look() {
			l.kill()
		}
	})
	home := t.TempDir()
	var entries []string
	for i := range n {
		entries = append(entries, evilEntry(t, fmt.Sprint("s", i), script, "-token", w.token))
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	cmd := command(t, home, nil, "serve", "--log-level", "error")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if wrap != nil {
		wrap(cmd)
	}
	p := begin(t, home, cmd)
	p.waitUp()
	p.wait("all servers to be connected", func() bool {
		status, err := ask(home, "/api/v1/status")
		return err == nil && strings.Contains(status, fmt.Sprintf(`"connected":%d,`, n))
	})
	return p, w
}

// endsWith waits for the end, wants an exit code and that nothing is left, and
// returns how long all that took.
func (p *program) endsWith(w witness, code int) time.Duration {
	p.t.Helper()
	at := time.Now()
	select {
	case <-p.ended:
	case <-time.After(2 * stopPromise):
		p.t.Fatalf("did not end within %v:\n%s", 2*stopPromise, p.output)
	}
	took := time.Since(at)
	if _, left := w.gone(at, stopSlack, nil); len(left) > 0 {
		p.t.Errorf("left: %v", left)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, want %d:\n%s", got, code, p.output)
	}
	return took
}

// TestStopRefused ends the program while all its servers refuse to end.
func TestStopRefused(t *testing.T) {
	p, w := runKilled(t, *refusers, "ignore-term;ignore-eof", nil)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	took := p.endsWith(w, 0)
	report(t, fmt.Sprintf("end of the program, %d servers that refuse", *refusers), "≤ 6 s", ms(took))
	if took > stopPromise+stopSlack/2 {
		t.Errorf("took %v", took)
	}
	record(t, result{
		Promise: fmt.Sprintf("The program ends within %v even if every server refuses", stopPromise),
		Did:     fmt.Sprintf("SIGTERM with %d servers that ignore SIGTERM and the end of input", *refusers),
		Count:   1, Failures: missed(t, took > stopPromise), Took: took, Worst: ms(took),
	})
}

// hearHangUp makes programs that are started from here heed SIGHUP. Whoever runs the
// tests may have it ignored, as nohup does, and a program that inherits that rightly
// goes on. What is caught is not inherited.
func hearHangUp(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
}

// TestStopTypical ends it in each of the ordinary ways, with servers that end when told.
func TestStopTypical(t *testing.T) {
	hearHangUp(t)
	var all []time.Duration
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p, w := runKilled(t, 5, "", nil)
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		all = append(all, p.endsWith(w, 0))
	}
	worst := slices.Max(all)
	report(t, "end of the program, 5 good servers, worst of SIGTERM, SIGINT, SIGHUP", "< 1 s", ms(worst))
	if worst > 5*typicalPromise {
		t.Errorf("took %v", worst)
	}
}

// TestSecondSignalEndsAtOnce does not wait for servers that refuse.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	p, w := runKilled(t, 3, "ignore-term;ignore-eof", nil)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.wait("the first signal to be heeded", func() bool { _, ok := readInstanceFile(p.home); return !ok })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if took := p.endsWith(w, 128+int(syscall.SIGTERM)); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestStopWithoutStandardFiles closes each combination of stdin, stdout and stderr
// before the program starts. It serves and ends as ever.
func TestStopWithoutStandardFiles(t *testing.T) {
	for i := range 8 {
		var closed []string
		for fd, how := range []string{"<&-", ">&-", "2>&-"} {
			if i>>fd&1 == 1 {
				closed = append(closed, how)
			}
		}
		t.Run(strings.Join(closed, " "), func(t *testing.T) {
			p, w := runKilled(t, 1, "garbage=banner", func(cmd *exec.Cmd) {
				cmd.Args = append([]string{"sh", "-c", `exec "$0" "$@" ` + strings.Join(closed, " "), cmd.Path}, cmd.Args[1:]...)
				cmd.Path = "/bin/sh"
			})
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if took := p.endsWith(w, 0); took > 5*typicalPromise {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestStopWithBrokenPipes closes the reading ends of stdout and stderr while it runs.
func TestStopWithBrokenPipes(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, w := runKilled(t, 1, "child=setsid", func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args[:2], "--log-level", "debug") })
	_ = r.Close()
	_ = out.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.endsWith(w, 0)
}

// TestStopWithTheTerminal runs it in a terminal that goes away.
func TestStopWithTheTerminal(t *testing.T) {
	hearHangUp(t)
	master, slave := terminal(t)
	w := newWitness()
	home := t.TempDir()
	writeConfig(t, home, evilEntry(t, "s", "child=setsid", "-token", w.token), `"quarantine": false,`)
	cmd := command(t, home, nil, "serve", "--log-level", "debug")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	p := &program{t: t, home: home, cmd: cmd, output: &syncBuffer{}, ended: make(chan struct{})}
	go func() {
		_, _ = p.output.buf.ReadFrom(master) // until it is closed
	}()
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	p.waitUp()
	p.waitState("s", "connected")
	master.Close() // the kernel hangs up
	if took := p.endsWith(w, 0); took > 5*typicalPromise {
		t.Errorf("took %v", took)
	}
}

// terminal opens a pseudo terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
