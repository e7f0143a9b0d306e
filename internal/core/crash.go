package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// crashReportSize is how much of older reports is kept, in bytes: a crash writes
// some ten kilobytes, so this is many of them.
const crashReportSize = 1 << 20

func crashReport(dirs config.Dirs) string { return filepath.Join(dirs.Logs, "crash.log") }

// KeepCrashReport makes the runtime write what it says at a crash of this program
// to a file in the log directory too: who started the program from the desktop sees
// no terminal. It may be called once, before anything is started.
func KeepCrashReport(dirs config.Dirs) error {
	path := crashReport(dirs)
	if err := os.MkdirAll(dirs.Logs, 0o700); err != nil {
		return fmt.Errorf("make the log directory: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > crashReportSize {
		if err := os.Rename(path, path+".old"); err != nil {
			return fmt.Errorf("set the crash report aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the crash report: %w", err)
	}
	return errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // the runtime has its own handle
}

// crashShown is how long a crash is shown.
const crashShown = 24 * time.Hour

// forgetCrash ends the notice of a crash after crashShown, or returns when ctx is done.
func (c *Core) forgetCrash(ctx context.Context) {
	if c.o.Tree.Restarts() == 0 {
		return
	}
	select {
	case <-time.After(crashShown):
		c.problem.set("crash", stateview.Problem{})
	case <-ctx.Done():
	}
}

// noteCrash shows that the program was started again after a crash.
func (c *Core) noteCrash() {
	n := c.o.Tree.Restarts()
	if n == 0 {
		return
	}
	c.log.Warn("started again after a crash", "times_in_a_minute", n)
	path := crashReport(c.o.Dirs)
	p := stateview.Problem{Code: "MPT-CRASHED", Text: "The program crashed and was started again.", Hint: "It left no report, so it may have been ended from outside. Calls that were under way were lost."}
	if info, err := os.Stat(path); err == nil && info.Size() > 0 && time.Since(info.ModTime()) < time.Minute {
		p.Hint = "Please report it; the file " + path + " says why. Calls that were under way were lost."
	}
	c.problem.set("crash", p)
}
