package supervisor

import (
	"errors"
	"fmt"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// Errors of commands and requests.
var (
	ErrUnknownServer = errors.New("unknown server")
	ErrStale         = errors.New("the launch to approve is not the current one")
	ErrNotConnected  = errors.New("server is not connected") // matched by a *StateError of Request
	ErrNotSaved      = errors.New("approval not saved")      // nothing was approved
	ErrClosed        = errors.New("supervisor is closed")
)

// A StateError says that a server's state does not allow what was asked for.
type StateError struct {
	Server string
	State  stateview.State
}

// Error returns the chain's text.
func (e *StateError) Error() string { return fmt.Sprintf("server %q is %s", e.Server, e.State) }

// Is makes every StateError match ErrNotConnected.
func (e *StateError) Is(target error) bool { return target == ErrNotConnected }

var stateProblems = map[stateview.State]stateview.Problem{
	stateview.Disabled:     {Code: "MPT-SERVER-DISABLED", Text: "The server is switched off.", Hint: "Switch it on first.", Action: "enable"},
	stateview.Quarantined:  {Code: "MPT-QUARANTINE-HELD", Text: "The server waits for approval.", Hint: "Check what it would run, then approve it.", Action: "approve"},
	stateview.AuthRequired: {Code: "MPT-AUTH-SIGN-IN", Text: "The server needs a sign-in.", Hint: "Sign in to it first.", Action: "sign_in"},
	stateview.Failed:       {Code: "MPT-SERVER-FAILED", Text: "The server cannot run as it is configured.", Hint: "Its status says what is wrong.", Action: "edit_config"},
}

// Problem returns the words for people.
func (e *StateError) Problem() stateview.Problem {
	if p, ok := stateProblems[e.State]; ok {
		return p
	}
	return stateview.Problem{Code: "MPT-SERVER-DOWN", Text: "The server is not connected right now.", Hint: "It is being connected; try again soon."}
}

// A saveError is an approval that could not be kept; nothing was approved.
type saveError struct{ err error }

func (e *saveError) Error() string { return "save approval: " + e.err.Error() }
func (e *saveError) Unwrap() error { return e.err }

// Is makes every saveError match ErrNotSaved.
func (e *saveError) Is(target error) bool { return target == ErrNotSaved }

// Problem returns the words for people.
func (e *saveError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-APPROVAL-NOT-SAVED", Text: "The approval could not be saved, so nothing was approved.",
		Hint: "Check that the data directory can be written and has space, then approve again."}
}

var errNoApprovals = errors.New("there is no store for approvals")

// A timeoutError is an attempt that took too long.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }
func (e *timeoutError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-START-TIMEOUT", Text: fmt.Sprintf("The server did not answer within %s.", e.after),
		Hint: "See the server's log; a first start may have to download something."}
}

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

// classed is an error that knows whether trying again makes sense.
type classed interface {
	error
	Class() string
}

// problemOf words why a session ended or did not begin; err may be nil.
func problemOf(err error) stateview.Problem {
	if e, ok := errors.AsType[explained](err); ok {
		return e.Problem()
	}
	if err == nil {
		return stateview.Problem{Code: "MPT-SESSION-ENDED", Text: "The server ended the connection.", Hint: "It is tried again by itself."}
	}
	return stateview.Problem{Code: "MPT-CONNECT", Text: "The connection to the server does not work.", Hint: "See the server's log."}
}

// restOf returns the state in which a server waits after err.
func restOf(err error) stateview.State {
	if e, ok := errors.AsType[classed](err); ok {
		switch e.Class() {
		case "config":
			return stateview.Failed
		case "auth":
			return stateview.AuthRequired
		}
	}
	return stateview.Backoff
}

func entryProblem(err *config.Error) stateview.Problem {
	p := stateview.Problem{Code: "MPT-CONFIG-ENTRY", Text: err.Text, Hint: err.Hint, Action: "edit_config"}
	if p.Hint == "" && err.Line > 0 {
		p.Hint = fmt.Sprintf("Correct line %d of the configuration.", err.Line)
	}
	return p
}

func heldProblem(v approval.Verdict) stateview.Problem {
	if v == approval.Changed {
		return stateview.Problem{Code: "MPT-QUARANTINE-CHANGED", Text: "The server would run something else than what you approved.",
			Hint: "Check what it would run now, then approve it.", Action: "approve"}
	}
	return stateview.Problem{Code: "MPT-QUARANTINE-NEW", Text: "The server is new and waits for your approval.",
		Hint: "Check what it would run, then approve it.", Action: "approve"}
}
