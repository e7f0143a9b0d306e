package upstream

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// processAttr keeps a console window from opening for each server.
func processAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}

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

// mostFiles says that no limit is known: handles are bounded by memory alone.
func mostFiles() uint64 { return 0 }
