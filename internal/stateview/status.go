package stateview

import "time"

// A ServerStatus is what is true of one server at one moment. It is a plain
// value: it holds no map and nothing that another holder could change, so a
// copy is independent. Equal compares two of them; == does not compile, because
// it would compare where the longer parts stand instead of what they say.
//
// It is small, as GetServer copies it: 128 bytes, two cache lines. What is long and
// seldom read, as the launch and the problem, has methods.
type ServerStatus struct {
	_         [0]func() // no ==
	Name      string    // unique; the name in the configuration
	State     State     // the one enum; see its methods
	Enabled   bool      // whether the configuration asks for it to run
	Transport Transport // how it is or would be reached
	PID       int32     // process id of a stdio server; 0 without a process
	Attempt   int       // tries to connect since the last success, counted from 1; 0 = none yet
	Since     time.Time // when State was entered; not a heartbeat
	RetryAt   time.Time // when the next attempt starts; zero unless State is Backoff
	Protocol  string    // negotiated MCP revision, e.g. "2026-07-28"; empty unless a session is up
	Tools     ToolList  // what the server offers, held tools included; the zero value is empty
	Version   uint64    // snapshot Seq at which this status last changed; set by the View

	about   *about   // nil is the zero value; what it points to never changes
	problem *Problem // likewise
}

// about is what seldom changes while a server is up.
type about struct {
	launch Launch
	offer  Offer
}

// A Launch is what a server would run or contact. The zero value is none, as of an invalid entry.
type Launch struct {
	Line string // the command line or URL, for people to read
	ID   string // fingerprint of exactly that; an approval names it, so that it cannot approve something else
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

// equal reports whether both say the same. Times that are the same instant are the same.
func (p Problem) equal(o Problem) bool {
	return p.Code == o.Code && p.Text == o.Text && p.Hint == o.Hint && p.Action == o.Action && p.Since.Equal(o.Since)
}

// Launch returns what the server would run or contact.
func (st *ServerStatus) Launch() Launch { return value(st.about).launch }

// SetLaunch sets what Launch returns. Copies of st keep theirs.
func (st *ServerStatus) SetLaunch(l Launch) { st.about = handle(st.about, about{l, st.Offer()}) }

// Offer returns what the server offers besides tools; nothing unless a session is up.
func (st *ServerStatus) Offer() Offer { return value(st.about).offer }

// SetOffer sets what Offer returns. Copies of st keep theirs.
func (st *ServerStatus) SetOffer(o Offer) { st.about = handle(st.about, about{st.Launch(), o}) }

// Problem returns why the server does not work; the zero value means no problem.
func (st *ServerStatus) Problem() Problem { return value(st.problem) }

// SetProblem sets what Problem returns. Copies of st keep theirs.
func (st *ServerStatus) SetProblem(p Problem) { st.problem = handle(st.problem, p) }

// Retrying reports whether the server is lost and tried again. Waiting and
// trying are one to people, so that what they see does not change with each attempt.
func (st *ServerStatus) Retrying() bool {
	return st.State == Backoff || st.State == Connecting && st.Attempt > 1
}

// Words returns what the server does as every surface says it to people.
func (st *ServerStatus) Words() string {
	if st.Retrying() {
		return Backoff.Words()
	}
	return st.State.Words()
}

// Equal reports whether both say the same, Version included. Times that are the
// same instant are the same.
func (st *ServerStatus) Equal(o *ServerStatus) bool { return st.Version == o.Version && same(st, o) }

// same is Equal, Version aside.
func same(a, b *ServerStatus) bool {
	return a.Name == b.Name && a.State == b.State && a.Enabled == b.Enabled && a.Attempt == b.Attempt && a.PID == b.PID &&
		a.Since.Equal(b.Since) && a.RetryAt.Equal(b.RetryAt) &&
		a.Transport == b.Transport && a.Protocol == b.Protocol && a.Tools.Equal(b.Tools) &&
		(a.about == b.about || a.Launch() == b.Launch() && a.Offer().Equal(b.Offer())) &&
		(a.problem == b.problem || a.Problem().equal(b.Problem()))
}

// value returns what a handle stands for.
func value[T comparable](h *T) (v T) {
	if h != nil {
		v = *h
	}
	return v
}

// handle returns a handle of v: old if it says that already, nil for the zero value.
func handle[T comparable](old *T, v T) *T {
	var zero T
	switch {
	case v == zero:
		return nil
	case old != nil && *old == v:
		return old
	}
	own := v // so that the parameter itself stays off the heap
	return &own
}
