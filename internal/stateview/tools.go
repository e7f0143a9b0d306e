package stateview

import (
	"iter"
	"slices"
)

// A Tool is one tool of a server, with the definition exactly as the server sent it.
type Tool struct {
	Name       string // as the server spells it, without our prefix
	Definition string // the raw JSON object of the server's tools/list; a string, so nobody can change it
	Held       bool   // withheld from clients until a person approves it
	Hash       string // of the definition, which that approval names; only of a held tool, and empty for one that cannot be approved
}

// A ToolList is an immutable list of tools. The zero value is an empty list.
// Copies share their content.
type ToolList struct{ list *toolArray }

type toolArray struct {
	tools []Tool
	held  int
	bytes int // of names and definitions
}

// NewToolList returns a list of a copy of tools, in their order.
func NewToolList(tools []Tool) ToolList {
	if len(tools) == 0 {
		return ToolList{}
	}
	a := &toolArray{tools: slices.Clone(tools)}
	for _, t := range tools {
		a.bytes += len(t.Name) + len(t.Definition) + len(t.Hash)
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
