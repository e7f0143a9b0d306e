//go:build linux || darwin

package upstream

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttr returns nothing: Processes does all that is needed here.
func processAttr() *syscall.SysProcAttr { return nil }

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

// mostFiles returns the limit of file descriptors of this process, 0 if it is not known.
func mostFiles() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Cur
}
