// Package doctor finds what keeps the program from working and says what to do
// about it. It only looks: it changes nothing, and needs no running instance.
//
// Run asks all checks at once and waits for each at most its limit; a check
// that does not answer is reported as such. Nothing is kept between runs.
package doctor

import (
	"context"
	"time"

	"mcpproxy-tray/internal/core/config"
)

// limit is how long one check may take: who waits for an answer reads on after that.
const limit = 3 * time.Second

// A Finding is what one check found wrong.
type Finding struct {
	Check string `json:"check"`
	Text  string `json:"text"` // one sentence
	Hint  string `json:"hint"` // what to do next
}

// A Patient is what is looked at.
type Patient struct {
	Dirs       config.Dirs
	ConfigFile string
	Path       string // in which commands are looked for
	Running    string // the address of the running instance, host:port; empty if none runs
}

// A check returns what it found wrong; none if all is well.
type check struct {
	name string
	look func(context.Context, Patient) []Finding
}

var checks = []check{
	{"configuration", configuration},
	{"commands", commands},
	{"port", port},
	{"permissions", permissions},
	{"crash", crash},
	{"desktop", desktop},
}

// Run looks at everything and returns the findings in the order of the checks.
func Run(ctx context.Context, p Patient) []Finding { return run(ctx, p, checks) }

func run(ctx context.Context, p Patient, checks []check) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answers := make([]chan []Finding, len(checks))
	for i, c := range checks {
		answers[i] = make(chan []Finding, 1) // one that comes too late is dropped
		go func() { answers[i] <- c.look(ctx, p) }()
	}
	found := []Finding{}
	for i, c := range checks {
		for _, f := range await(ctx, answers[i]) {
			f.Check = c.name
			found = append(found, f)
		}
	}
	return found
}

// await returns a check's answer, or says that it is late.
func await(ctx context.Context, answer <-chan []Finding) []Finding {
	select {
	case found := <-answer:
		return found
	case <-ctx.Done():
	}
	select {
	case found := <-answer: // it was in time, another one was not
		return found
	default:
		return []Finding{{Text: "This could not be looked at in time.", Hint: "Try again when the machine is less busy."}}
	}
}
