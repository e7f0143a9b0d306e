// Package doctor finds what keeps the program from working and says what to do
// about it. It only looks: it changes nothing, and needs no running instance.
//
// Run asks all checks at once and waits for all of them at most its limit; a check
// that does not answer is reported as such. Nothing is kept between runs.
package doctor

import (
	"context"
	"time"

	"mcpproxy-tray/internal/core/config"
)

// limit is how long the checks may take: longer than the login shell has, and its end.
const limit = 8 * time.Second

// A Finding is what one check found.
type Finding struct {
	Check string `json:"check"`
	Text  string `json:"text"`            // one sentence
	Why   string `json:"why,omitempty"`   // why it matters
	Hint  string `json:"hint,omitempty"`  // what to do next
	Minor bool   `json:"minor,omitempty"` // everything works all the same
}

// A Patient is what is looked at.
type Patient struct {
	Dirs       config.Dirs
	ConfigFile string
	Listen     string   // the address that is to be listened on; empty: as the configuration says
	Self       string   // path of this program, which the command "mcpproxy-tray" means; may be empty
	Running    string   // the address of the running instance, host:port; empty if none runs
	PID        int      // of the running instance
	Environ    []string // of a start; nil: the running instance's, or what a start at login would have
}

// A check returns what it found; none if all is well.
type check struct {
	name string
	look func(context.Context, *exam) []Finding
}

var checks = []check{
	{"configuration", configuration},
	{"servers", servers},
	{"path", path},
	{"keyring", keyring},
	{"instance", instance},
	{"port", port},
	{"permissions", permissions},
	{"database", database},
	{"history", history},
	{"crash", crash},
	{"orphans", orphans},
	{"desktop", desktop},
	{"clients", duplicates},
}

// Run looks at everything and returns the findings in the order of the checks.
func Run(ctx context.Context, p Patient) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return run(ctx, newExam(ctx, p), checks)
}

func run(ctx context.Context, x *exam, checks []check) []Finding {
	answers := make([]chan []Finding, len(checks))
	for i, c := range checks {
		answers[i] = make(chan []Finding, 1) // one that comes too late is dropped
		go func() { answers[i] <- c.look(ctx, x) }()
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
