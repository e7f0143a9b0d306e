//go:build linux || darwin

package upstream

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupAttr puts a server into a process group of its own, so that what it
// starts can be ended with it.
func groupAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// askGroup asks the process and what it started to end. It reports whether
// there was any left.
func askGroup(p *os.Process) bool { return unix.Kill(-p.Pid, unix.SIGTERM) == nil }

// killGroup ends the process and what it started at once. It reports whether
// there was any left.
func killGroup(p *os.Process) bool { return unix.Kill(-p.Pid, unix.SIGKILL) == nil }

// groupLeft reports whether anything of the group still runs.
func groupLeft(p *os.Process) bool { return unix.Kill(-p.Pid, 0) == nil }

// badProgram reports whether the system refused the file as a program.
func badProgram(err error) bool {
	return errors.Is(err, unix.ENOEXEC) || errors.Is(err, errWrongArch)
}

// describeExit says how a process ended: "exit code 3" or "signal: killed".
func describeExit(err error) string {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		if err == nil {
			return "exit code 0"
		}
		return plain(err)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "signal " + unix.SignalName(ws.Signal()) + " (" + ws.Signal().String() + ")"
	}
	return exitCode(exit.ExitCode())
}
