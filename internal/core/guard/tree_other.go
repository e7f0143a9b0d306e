//go:build !linux && !windows

package guard

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Main runs app and returns its exit code. There is no guard here: a crash of the
// app leaves the servers that ignore the end of their input.
func Main(app func(*Tree) int) int {
	survivePipes()
	t := New()
	return t.finish(app(t))
}

// A child is a process that Start has started.
type child struct{ mark mark }

func ownStart() uint64 { return 0 }

func launch(cmd *exec.Cmd, m mark) (child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return child{m}, cmd.Start()
}

func launchApart(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// stop ends the process group. Its number is not used again while the group has
// members; once it has none the signal fails.
func (t *Tree) stop(p *os.Process, _ child, polite time.Duration) error {
	if polite > 0 && groupEnds(p.Pid, syscall.SIGTERM, polite) || groupEnds(p.Pid, syscall.SIGKILL, killTime) {
		return nil
	}
	return &StuckError{[]int{p.Pid}}
}

// groupEnds signals a group and reports whether it has ended within limit.
func groupEnds(group int, sig syscall.Signal, limit time.Duration) bool {
	const mostWait = 20 * time.Millisecond
	until := time.Now().Add(limit)
	if syscall.Kill(-group, sig) != nil {
		return true
	}
	for wait := time.Millisecond; time.Now().Before(until); wait = min(2*wait, mostWait) {
		if syscall.Kill(-group, 0) != nil {
			return true
		}
		time.Sleep(wait)
	}
	return false
}

func (t *Tree) killAll(polite time.Duration) error { return t.stopEach(polite) }

// claim finds nothing: a process does not show its environment here.
func (t *Tree) claim(uint32) ([]int, error) { return nil, nil }
