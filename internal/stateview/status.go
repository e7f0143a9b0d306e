package stateview

import (
	"iter"
	"slices"
	"time"
)

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

// A Tool is one tool of a server, with the definition exactly as the server sent it.
type Tool struct {
	Name       string // as the server spells it, without our prefix
	Definition string // the raw JSON object of the server's tools/list; a string, so nobody can change it
	Held       bool   // withheld from clients until a person approves it
}

// A ToolList is an immutable list of tools. The zero value is an empty list.
// Copies share their content.
type ToolList struct{ list *toolArray }

type toolArray struct {
	tools []Tool
	held  int
}

// NewToolList returns a list of a copy of tools, in their order.
func NewToolList(tools []Tool) ToolList {
	if len(tools) == 0 {
		return ToolList{}
	}
	a := &toolArray{tools: slices.Clone(tools)}
	for _, t := range tools {
		if t.Held {
			a.held++
		}
	}
	return ToolList{a}
}

// Len returns how many tools there are, held ones included.
func (l ToolList) Len() int {
	if l.list == nil {
		return 0
	}
	return len(l.list.tools)
}

// Held returns how many tools are withheld from clients.
func (l ToolList) Held() int {
	if l.list == nil {
		return 0
	}
	return l.list.held
}

// Approved returns how many tools clients may see and call.
func (l ToolList) Approved() int { return l.Len() - l.Held() }

// At returns tool i, counted from 0. It panics if i is out of range.
func (l ToolList) At(i int) Tool { return l.list.tools[i] }

// All yields the tools in the server's order.
func (l ToolList) All() iter.Seq[Tool] {
	return func(yield func(Tool) bool) {
		if l.list == nil {
			return
		}
		for _, t := range l.list.tools {
			if !yield(t) {
				return
			}
		}
	}
}

// Equal reports whether both lists have the same tools in the same order.
func (l ToolList) Equal(o ToolList) bool {
	if l.list == o.list {
		return true
	}
	if l.Len() != o.Len() {
		return false
	}
	return slices.Equal(l.list.tools, o.list.tools)
}

// same reports whether a and b say the same, Version aside.
func same(a, b *ServerStatus) bool {
	if !a.Tools.Equal(b.Tools) || !a.Since.Equal(b.Since) || !a.RetryAt.Equal(b.RetryAt) || !a.Problem.Since.Equal(b.Problem.Since) {
		return false
	}
	x, y := *a, *b
	for _, s := range []*ServerStatus{&x, &y} {
		s.Tools, s.Version = ToolList{}, 0
		s.Since, s.RetryAt, s.Problem.Since = time.Time{}, time.Time{}, time.Time{}
	}
	return x == y
}
