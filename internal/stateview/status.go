package stateview

import "time"

// A ServerStatus is what is true of one server at one moment. It is a plain
// value: it holds no map and nothing that another holder could change, so a
// copy is independent and two of them may be compared with ==.
type ServerStatus struct {
	Name      string    // unique; the name in the configuration
	State     State     // the one enum; see its methods
	Enabled   bool      // whether the configuration asks for it to run
	Since     time.Time // when State was entered; not a heartbeat
	Attempt   int       // tries to connect since the last success, counted from 1; 0 = none yet
	RetryAt   time.Time // when the next attempt starts; zero unless State is Backoff
	Transport string    // "stdio", "http" or "sse"
	Protocol  string    // negotiated MCP revision, e.g. "2026-07-28"; empty unless a session is up
	PID       int       // process id of a stdio server; 0 without a process
	Launch    string    // the command line or URL it would run or contact, for people to read
	LaunchID  string    // fingerprint of exactly that; an approval names it, so that it cannot approve something else
	Tools     ToolList  // what the server offers, held tools included; the zero value is empty
	Problem   Problem   // why it does not work; the zero value means no problem
	Version   uint64    // snapshot Seq at which this status last changed; set by the View
}

// A Problem is a failure worded for people. The zero value is no problem.
type Problem struct {
	Code   string    // stable, e.g. "MPT-CMD-NOT-FOUND"; docs/errors.md explains each
	Text   string    // one sentence
	Hint   string    // what to do next; may be empty
	Action string    // the one suggested action ("restart", "approve", "sign_in", "edit_config"); may be empty
	Since  time.Time // when it was found
}

// IsZero reports whether there is no problem.
func (p Problem) IsZero() bool { return p.Code == "" && p.Text == "" }

// same reports whether a and b say the same, Version aside. Times that are the
// same instant are the same.
func same(a, b *ServerStatus) bool {
	if !a.Since.Equal(b.Since) || !a.RetryAt.Equal(b.RetryAt) || !a.Problem.Since.Equal(b.Problem.Since) {
		return false
	}
	x := *a
	x.Version, x.Tools = b.Version, b.Tools
	x.Since, x.RetryAt, x.Problem.Since = b.Since, b.RetryAt, b.Problem.Since
	return x == *b && a.Tools.Equal(b.Tools)
}
