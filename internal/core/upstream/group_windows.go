package upstream

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// groupAttr keeps a console window from opening for each server.
func groupAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP}
}

// askGroup does nothing: Windows has no polite signal for a process without a
// console; closing its input was the polite part.
func askGroup(*os.Process) bool { return false }

// killGroup ends the process at once.
func killGroup(p *os.Process) bool { return p.Kill() == nil }

// groupLeft reports that nothing is known to run besides the process itself.
func groupLeft(*os.Process) bool { return false }

// badProgram reports whether the system refused the file as a program.
func badProgram(err error) bool { return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) }

// describeExit says how a process ended.
func describeExit(err error) string {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		if err == nil {
			return "exit code 0"
		}
		return plain(err)
	}
	return exitCode(exit.ExitCode())
}
