package upstream

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// Classes of failures. The supervisor parks config as failed and auth as
// auth_required; it tries again after all others.
const (
	classConfig   = "config"   // the entry cannot work as it stands
	classAuth     = "auth"     // a person must sign in
	classNetwork  = "network"  // the server could not be reached, or answered that it cannot serve now
	classExit     = "exit"     // the server's process ended or did not start to speak
	classProtocol = "protocol" // what answered is not an MCP server we understand
)

var errClosed = errors.New("session closed")

// An Entry is one line of the table of problems, for the documents.
type Entry struct {
	Code  string // stable
	Class string // config, auth, network, exit or protocol
	Text  string // one sentence; %s stand for names, addresses and codes
	Hint  string // what to do next
}

// Problems returns every problem this package can report, in the order of the documents.
func Problems() []Entry {
	out := make([]Entry, len(table))
	for i, e := range table {
		out[i] = *e
	}
	return out
}

// The hints end where a detail may be added: where we looked, or what the server said last.
var (
	pNotFound      = &Entry{"MPT-CMD-NOT-FOUND", classConfig, "The command %q was not found.", "Install it, or write its full path in the configuration."}
	pNotExecutable = &Entry{"MPT-CMD-NOT-EXECUTABLE", classConfig, "The command %q is not executable.", "Make the file executable, or name its interpreter as the command."}
	pInterpreter   = &Entry{"MPT-CMD-INTERPRETER", classConfig, "The command %q needs an interpreter that is missing: %s.", "Install the interpreter, or correct the first line of the script."}
	pArch          = &Entry{"MPT-CMD-ARCH", classConfig, "The command %q is not a program for this machine.", "Install the version for this system and processor."}
	pBatch         = &Entry{"MPT-CMD-BATCH", classConfig, "The command %q is a batch file, which cannot be given %q safely.", "Write the program that it starts, such as node with its script, as the command."}
	pCwd           = &Entry{"MPT-CMD-CWD", classConfig, "The working directory %q does not exist.", "Create it, or correct \"cwd\" in the configuration."}
	pStart         = &Entry{"MPT-CMD-START", classConfig, "The command %q could not be started: %s.", "Try it in a terminal."}
	pScarce        = &Entry{"MPT-CMD-NOT-NOW", classNetwork, "The command %q cannot be started at the moment: %s.", "It is tried again by itself; end other programs or servers, or raise the limits of processes and open files (ulimit)."}
	pExpand        = &Entry{"MPT-CONFIG-VALUE", classConfig, "A value in the configuration cannot be used: %s.", "Set the variable, or correct the entry."}
	pURL           = &Entry{"MPT-CONFIG-URL", classConfig, "%q is not an address of a server.", "Correct \"url\" in the configuration; it starts with http:// or https://."}
	pExit          = &Entry{"MPT-EXIT", classExit, "The server's process ended: %s.", "See the server's log."}
	pExitEarly     = &Entry{"MPT-EXIT-EARLY", classExit, "The server ended before it answered: %s.", "Try the command in a terminal."}
	pStdoutClosed  = &Entry{"MPT-STDOUT-CLOSED", classExit, "The server closed its output but went on running.", "It was stopped; see the server's log."}
	pStdinStuck    = &Entry{"MPT-STDIN-STUCK", classExit, "The server stopped reading its input.", "It was stopped; see the server's log."}
	pNotKillable   = &Entry{"MPT-NOT-KILLABLE", classExit, "The server's process %d cannot be ended.", "The system holds it, mostly because of a disk or network drive that does not answer; restart the computer if it stays."}
	pStartTimeout  = &Entry{"MPT-START-TIMEOUT", classExit, "The server did not answer within %s.", "See the server's log; a first start may have to download something."}
	pGarbage       = &Entry{"MPT-NOT-MCP-OUTPUT", classProtocol, "The server writes text that is not MCP to its output.", "Check that the command starts an MCP server over stdio."}
	pHandshake     = &Entry{"MPT-HANDSHAKE", classProtocol, "The server refused to open a session: %s.", "See the server's log; it may need another version or setting."}
	pGreeting      = &Entry{"MPT-GREETING", classProtocol, "What the server greets with cannot be read.", "Check that it is an MCP server; if so, report it to its authors."}
	pVersion       = &Entry{"MPT-PROTOCOL-VERSION", classProtocol, "The server speaks a version of MCP that is not known here: %s.", "Update the server or this program."}
	pTooDeep       = &Entry{"MPT-TOO-DEEP", classProtocol, "The server's answer is nested more than %d levels deep.", "Ask for less, or report it to the server's authors."}
	pTooLarge      = &Entry{"MPT-TOO-LARGE", classProtocol, "The server's answer is larger than the limit of %d MB.", "Ask for less, or raise the limit."}
	pBadList       = &Entry{"MPT-BAD-LIST", classProtocol, "The server's list of tools cannot be read: %s.", "Report it to the server's authors."}
	pBusy          = &Entry{"MPT-SERVER-BUSY", classNetwork, "The server has %d calls to answer and gets no more for now.", "Try again later; if it stays so, restart the server."}
	pRefused       = &Entry{"MPT-NET-REFUSED", classNetwork, "Nothing answers at %s.", "Check that the server runs and that the address is right."}
	pDNS           = &Entry{"MPT-NET-DNS", classNetwork, "The name %s cannot be resolved.", "Check the address and the network connection."}
	pUnreachable   = &Entry{"MPT-NET-UNREACHABLE", classNetwork, "%s cannot be reached.", "Check the network connection."}
	pNetTimeout    = &Entry{"MPT-NET-TIMEOUT", classNetwork, "%s did not answer in time.", "Check the network connection, or try again later."}
	pCut           = &Entry{"MPT-NET-CUT", classNetwork, "The connection to %s was cut.", "It is tried again by itself."}
	pTLSExpired    = &Entry{"MPT-TLS-EXPIRED", classNetwork, "The certificate of %s has expired or is not valid yet.", "Check this computer's clock; else tell the server's operator."}
	pTLSHost       = &Entry{"MPT-TLS-HOST", classNetwork, "The certificate of %s is for another name.", "Check the address; do not go on if it is right."}
	pTLSUnknown    = &Entry{"MPT-TLS-UNKNOWN", classNetwork, "The certificate of %s is signed by nobody this computer trusts.", "Add the authority to the system's trust store if you know it."}
	pTLS           = &Entry{"MPT-TLS", classNetwork, "No secure connection to %s could be made: %s.", "Check the address; the server may be too old or may not speak TLS."}
	pRedirect      = &Entry{"MPT-HTTP-REDIRECT", classNetwork, "The server sends us on to another address, %s, which is not followed.", "Write the new address in the configuration if you trust it."}
	pSignIn        = &Entry{"MPT-AUTH-SIGN-IN", classAuth, "The server needs a sign-in.", "Sign in, or add the token to \"headers\" in the configuration."}
	pForbidden     = &Entry{"MPT-AUTH-FORBIDDEN", classAuth, "The server needs a sign-in with more rights: access was refused.", "Sign in with an account that may use it, or check the token."}
	pNotThere      = &Entry{"MPT-HTTP-404", classConfig, "There is no MCP server at this address (HTTP 404).", "Check the path in \"url\"; often it ends in /mcp or /sse."}
	pMethod        = &Entry{"MPT-HTTP-405", classConfig, "What answers at this address takes no messages (HTTP 405).", "Check the path in \"url\"; often it ends in /mcp or /sse."}
	pAccept        = &Entry{"MPT-HTTP-406", classConfig, "The server can answer in no form that MCP has (HTTP 406).", "Check the address and that it is an MCP server; perhaps it needs an update."}
	pGone          = &Entry{"MPT-HTTP-410", classConfig, "The MCP server at this address was taken down for good (HTTP 410).", "Ask its operator for the new address."}
	pMediaType     = &Entry{"MPT-HTTP-415", classConfig, "The server does not take the form in which MCP sends (HTTP 415).", "Check the address and that it is an MCP server; perhaps it needs an update."}
	pTooMany       = &Entry{"MPT-HTTP-BUSY", classNetwork, "The server asks to be left alone for a while (HTTP %d).", "It is tried again by itself."}
	pServerError   = &Entry{"MPT-HTTP-SERVER-ERROR", classNetwork, "The server reports a failure of its own (HTTP %d).", "It is tried again by itself; tell the server's operator if it stays."}
	pStatus        = &Entry{"MPT-HTTP-STATUS", classConfig, "The server refuses our requests (HTTP %d).", "Check the address, the headers in the configuration and that it is an MCP server."}
	pWebPage       = &Entry{"MPT-HTTP-WEB-PAGE", classNetwork, "A web page answered instead of an MCP server.", "It may be the login page of a network; open a browser, and check the address."}
	pNotMCP        = &Entry{"MPT-HTTP-NOT-MCP", classProtocol, "What answered is not an MCP server (it sent %q).", "Check the address."}
	pSessionLost   = &Entry{"MPT-SESSION-LOST", classNetwork, "The server has forgotten our session.", "A new one is opened by itself."}
	pNoAnswer      = &Entry{"MPT-HTTP-NO-ANSWER", classNetwork, "The server ended its answer before it was complete.", "The call may or may not have been carried out."}
	table          = []*Entry{
		pNotFound, pNotExecutable, pInterpreter, pArch, pBatch, pCwd, pStart, pScarce, pExpand, pURL,
		pExit, pExitEarly, pStdoutClosed, pStdinStuck, pNotKillable, pStartTimeout, pGarbage, pHandshake, pGreeting, pVersion, pTooDeep, pTooLarge, pBadList, pBusy,
		pRefused, pDNS, pUnreachable, pNetTimeout, pCut, pTLSExpired, pTLSHost, pTLSUnknown, pTLS, pRedirect,
		pSignIn, pForbidden, pNotThere, pMethod, pAccept, pGone, pMediaType, pTooMany, pServerError, pStatus, pWebPage, pNotMCP, pSessionLost, pNoAnswer,
	}
)

// An Error is a failure of a server worded for people, with the chain for the log.
type Error struct {
	entry  *Entry
	text   string
	detail string // added to the hint: where we looked, what the server said last
	cause  error  // may be nil
	retry  time.Duration
}

// with returns the problem with its blanks filled.
func (e *Entry) with(args ...any) *Error {
	return &Error{entry: e, text: fmt.Sprintf(e.Text, args...)}
}

func (e *Error) because(cause error) *Error { e.cause = cause; return e }

func (e *Error) after(d time.Duration) *Error { e.retry = d; return e }

// add returns a copy with a detail: e may be known to others already.
func (e *Error) add(detail string) *Error {
	with := *e
	with.detail = detail
	return &with
}

// Error returns the code, the sentence and the cause, for the log.
func (e *Error) Error() string {
	s := e.entry.Code + ": " + e.text
	if e.cause != nil {
		s += " (" + e.cause.Error() + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// RetryAfter is how long the server asked to be left alone, unbounded; 0 if it
// said nothing of use.
func (e *Error) RetryAfter() time.Duration { return e.retry }

// Class returns config, auth, network, exit or protocol.
func (e *Error) Class() string { return e.entry.Class }

// Code returns the stable code.
func (e *Error) Code() string { return e.entry.Code }

// Problem returns what to tell people. Since is left to the caller.
func (e *Error) Problem() stateview.Problem {
	p := stateview.Problem{Code: e.entry.Code, Text: e.text, Hint: e.entry.Hint}
	if e.detail != "" {
		p.Hint += " " + e.detail
	}
	switch e.entry.Class {
	case classConfig:
		p.Action = "edit_config"
	case classAuth:
		p.Action = "sign_in"
	default:
		p.Action = "restart"
	}
	return p
}

func (e *Error) is(entry *Entry) bool { return e.entry == entry }

func hasEntry(err error, entries ...*Entry) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	return slices.ContainsFunc(entries, e.is)
}
