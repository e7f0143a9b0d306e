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
	ErrUnknownTool   = errors.New("unknown tool")
	ErrStaleTool     = errors.New("the definition to approve is not the current one")
	ErrNotConnected  = errors.New("server is not connected") // matched by a *StateError of Request
	ErrNotSaved      = errors.New("approval not saved")      // nothing was approved
	ErrClosed        = error(closedError{})
)

// A closedError is a request or command that came while the program is being ended.
type closedError struct{}

func (closedError) Error() string { return "supervisor is closed" }

// Unsent says that the server was not asked.
func (closedError) Unsent() bool { return true }

// Problem returns the words for people.
func (closedError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-ENDING", Text: "The program is being ended.", Hint: "Start it again, then try again."}
}

// A StateError says that a server's state does not allow what was asked for.
type StateError struct {
	Server string
	State  stateview.State
	Why    stateview.Problem // the server's problem then; may be zero
}

// Error returns the chain's text.
func (e *StateError) Error() string { return fmt.Sprintf("server %q is %s", e.Server, e.State) }

// Unsent says that the server was not asked.
func (e *StateError) Unsent() bool { return true }

// Is makes every StateError match ErrNotConnected.
func (e *StateError) Is(target error) bool { return target == ErrNotConnected }

var stateProblems = map[stateview.State]stateview.Problem{
	stateview.Disabled:     {Code: "MPT-SERVER-DISABLED", Text: "The server is switched off.", Hint: "Switch it on first.", Action: "enable"},
	stateview.Quarantined:  {Code: "MPT-QUARANTINE-HELD", Text: "The server waits for approval.", Hint: "Check what it would run, then approve it.", Action: "approve"},
	stateview.AuthRequired: {Code: "MPT-AUTH-SIGN-IN", Text: "The server needs a sign-in.", Hint: "Sign in to it first.", Action: "sign_in"},
	stateview.Failed:       {Code: "MPT-SERVER-FAILED", Text: "The server cannot run as it is configured.", Hint: "Its status says what is wrong.", Action: "edit_config"},
}

// Problem returns the words for people: why the server does not work, if it should.
func (e *StateError) Problem() stateview.Problem {
	p, ok := stateProblems[e.State]
	switch {
	case !e.Why.IsZero() && e.State != stateview.Disabled && e.State != stateview.Quarantined:
		return e.Why
	case ok:
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

// networkGone is the one problem of all remote servers while there is no network.
var networkGone = stateview.Problem{Code: "MPT-NETWORK-GONE", Text: "This computer has no network connection, so the server cannot be reached.",
	Hint: "It is connected by itself when the network is back."}

var errNetworkGone = &networkGoneError{}

// A networkGoneError is an attempt that was given up because the network went.
type networkGoneError struct{}

func (*networkGoneError) Error() string              { return "the network is gone" }
func (*networkGoneError) Class() string              { return classNetwork }
func (*networkGoneError) Problem() stateview.Problem { return networkGone }

// An unresponsiveError is a session that is ended because its server was silent.
type unresponsiveError struct {
	at  place
	err error // of the last try
}

func (e *unresponsiveError) Error() string { return "server does not answer: " + e.err.Error() }

// Class is network unless the server is a process of ours.
func (e *unresponsiveError) Class() string {
	if e.at == child {
		return "exit"
	}
	return classNetwork
}

// Problem returns the words for people.
func (e *unresponsiveError) Problem() stateview.Problem {
	if e.at != child {
		return stateview.Problem{Code: "MPT-UNRESPONSIVE", Text: "The server stopped answering; the connection to it may have been cut.",
			Hint: "It is connected again by itself.", Action: "restart"}
	}
	return stateview.Problem{Code: "MPT-UNRESPONSIVE", Text: "The server runs, but it stopped answering.",
		Hint: "It was ended and is started again by itself; see the server's log.", Action: "restart"}
}

// crashLoopProblem says that a server failed n times within a time, last as p says.
func crashLoopProblem(n int, within time.Duration, p stateview.Problem) stateview.Problem {
	return stateview.Problem{Code: "MPT-CRASH-LOOP", Hint: p.Hint, Action: "restart",
		Text: fmt.Sprintf("%s It failed %d times within %s, so it is not started any more.", // the reason first, where there is room for little
			p.Text, n, within.Truncate(time.Second)+time.Second)}
}

// codeStuck is the code of a process that stays whatever is done to it.
const codeStuck = "MPT-NOT-KILLABLE"

// stuckIn returns the words for what an attempt that failed could not end, if
// anything. Why it failed comes first in such an error.
func stuckIn(err error) stateview.Problem {
	if e, ok := err.(explained); ok && e.Problem().Code == codeStuck {
		return e.Problem()
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return stuckIn(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if p := stuckIn(err); !p.IsZero() {
				return p
			}
		}
	}
	return stateview.Problem{}
}

// stuckProblem says what could not be ended of a server that failed as p says.
func stuckProblem(stuck, p stateview.Problem) stateview.Problem {
	if p.Code != stuck.Code {
		stuck.Text += " It is tried again all the same, but seldom. Why it was lost: " + p.Text
	}
	return stuck
}

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

// Classes of failures that have a policy of their own. All others, and errors
// that name none, are failures of the server itself: too many are a crash loop.
const (
	classConfig  = "config"  // cannot work as it stands
	classAuth    = "auth"    // needs a person
	classNetwork = "network" // tried for ever
)

// classed is an error that knows its class.
type classed interface {
	error
	Class() string
}

// classOf returns the class of a failure; whatever it was that went wrong on the
// way to a server at an address, it is no crash.
func classOf(err error, at place) string {
	if e, ok := errors.AsType[classed](err); ok {
		return e.Class()
	}
	if at != child {
		return classNetwork
	}
	return ""
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
