package history

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"mcpproxy-tray/internal/core/store"
	"mcpproxy-tray/internal/stateview"
)

// An Error says why there is no history, worded for people.
type Error struct {
	problem stateview.Problem
	cause   error
}

// Error returns the sentence and the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.problem.Text
	}
	return fmt.Sprintf("%s: %v", e.problem.Text, e.cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Problem returns the words for people.
func (e *Error) Problem() stateview.Problem { return e.problem }

var (
	// ErrOff is returned where the configuration wants no history.
	ErrOff = &Error{problem: stateview.Problem{Code: "MPT-HISTORY-OFF", Text: "The history is switched off in the configuration.",
		Hint: `Remove "enabled": false from "history" in the configuration to keep one from now on.`, Action: "edit_config"}}
	// ErrNotOpen is returned before the file is open, and after it is closed.
	ErrNotOpen = errors.New("history is not open")
)

// explain words why a file cannot be used, for a person who looks at the status.
func explain(path string, err error) stateview.Problem {
	e, ok := errors.AsType[*store.Error](err)
	if !ok {
		e = &store.Error{Code: store.Unwritable}
	}
	code := e.Code
	if isFull(err) {
		code = store.Full
	}
	switch code {
	case store.Locked:
		return stateview.Problem{Code: "MPT-HISTORY-LOCKED", Text: fmt.Sprintf("No history is kept: the file %s is in use by another process.", path),
			Hint: "End that process, then start this program again."}
	case store.Newer:
		return stateview.Problem{Code: "MPT-HISTORY-NEWER", Text: fmt.Sprintf("No history is kept: the file %s was written by a newer mcpproxy-tray.", path),
			Hint: "Install that version again, or move the file away and start again."}
	case store.Full:
		return stateview.Problem{Code: "MPT-HISTORY-FULL", Text: fmt.Sprintf("There is no space left for the history in %s: calls go on and are not noted.", path),
			Hint: "Free some space on that disk; the history then goes on by itself."}
	case store.Damaged:
		return stateview.Problem{Code: "MPT-HISTORY-DAMAGED", Text: fmt.Sprintf("The history in %s was damaged; a new one was begun.", path),
			Hint: fmt.Sprintf("The old one is kept beside it as %s. Remove that if you do not need it.", damagedPath(path))}
	}
	return stateview.Problem{Code: "MPT-HISTORY-FAILED", Text: fmt.Sprintf("No history is kept: the file %s cannot be used.", path),
		Hint: "Make the file and its folder writable for your user, then start again. The log has the reason."}
}

// isFull reports whether there is no room for what was to be written: on the disk, or
// by a limit of the user's or the process's.
func isFull(err error) bool {
	// bbolt's grow hides the cause: fmt.Errorf("file resize error: %s", err).
	if err != nil && strings.Contains(err.Error(), "file resize error") {
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// damagedPath is where a damaged file goes.
func damagedPath(path string) string { return path + ".damaged" }
