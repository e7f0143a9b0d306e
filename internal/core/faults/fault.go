package faults

import "slices"

// A Fault is something that goes wrong around the program, and what it then does.
type Fault struct {
	ID    string   // A: processes, B: time and power, C: remote servers, D: configuration, F and G: the program itself
	What  string   // what happens
	Codes []string // what people are shown; none if there is nothing for them to know or do
	Does  string   // what the program does
	Tests []string // what proves it: "core/upstream.TestName", or one case of it: "core/upstream.TestName/case"
	Aside []string // of Codes those that no test of these packages names, each followed by ": " and why not
	Open  string   // what of it is not covered, and why; "" if all is
}

// Codes returns every code with its words, those about one server first.
func Codes() []Code { return slices.Concat(serverCodes, programCodes, requestCodes) }

// Faults returns every fault in the order of its ID.
func Faults() []Fault { return slices.Concat(processFaults, remoteFaults, configFaults, programFaults) }
