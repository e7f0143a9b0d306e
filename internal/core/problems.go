package core

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/httpapi"
	"mcpproxy-tray/internal/stateview"
)

// problems are those of the program as a whole, by where they come from. The
// zero value has none. All methods may be called concurrently.
type problems struct {
	mu      sync.Mutex // guards all and changed
	all     map[string]stateview.Problem
	changed chan struct{} // closed by the next change
}

// set replaces the problem of a source; a zero problem removes it.
func (p *problems) set(source string, problem stateview.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.all[source]
	if old.Code == problem.Code && old.Text == problem.Text && old.Hint == problem.Hint {
		return
	}
	if p.all == nil {
		p.all = map[string]stateview.Problem{}
	}
	if problem.IsZero() {
		delete(p.all, source)
	} else {
		problem.Since = time.Now()
		p.all[source] = problem
	}
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// list returns the problems, oldest first, and a channel that is closed at the next change.
func (p *problems) list() ([]stateview.Problem, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	var out []stateview.Problem
	for _, problem := range p.all {
		out = append(out, problem)
	}
	slices.SortFunc(out, func(a, b stateview.Problem) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Text, b.Text))
	})
	return out, p.changed
}

// Problems returns what is wrong with the program as a whole, oldest first, and
// a channel that is closed when that changes.
func (c *Core) Problems() ([]stateview.Problem, <-chan struct{}) { return c.problem.list() }

func (c *Core) status() httpapi.Status {
	list, _ := c.problem.list()
	st := httpapi.Status{Program: c.o.Version, URL: c.url, Paused: c.switches.Load().Paused, Problems: list}
	if c.o.Tray != nil {
		t := c.o.Tray()
		st.Tray = httpapi.Tray(t)
	}
	return st
}

// Notified says whether notifications reach the user, for the status and the menu.
func (c *Core) Notified(works bool) {
	var p stateview.Problem
	if !works {
		p = stateview.Problem{Code: "MPT-NO-NOTIFICATIONS", Text: "A notification could not be shown: nothing here takes it.",
			Hint: "Start the notification service of your desktop."}
	}
	c.problem.set("notifications", p)
}

// configProblem shows why the configuration file is not in force.
func (c *Core) configProblem(err error) {
	p, ok := fileProblem(err)
	if !ok {
		p.Text, p.Hint = "The configuration cannot be used.", "See the log."
	}
	c.problem.set("config", p)
	c.log.Error("configuration not in force", "err", err)
}

// warn logs what is in the file without effect, once.
func (c *Core) warn(cfg *config.Config) {
	for _, w := range cfg.Warnings {
		if _, told := c.warned.LoadOrStore(w.Text, true); !told {
			c.log.Warn("configuration", "text", w.Error())
		}
	}
}

// noteConfig shows what a valid configuration leaves to be desired.
func (c *Core) noteConfig(cfg *config.Config) {
	c.problem.set("refused", entryProblem("MPT-CONFIG-REFUSED", cfg.Refused))
	var gate, auth stateview.Problem
	if !cfg.Quarantine {
		gate = stateview.Problem{Code: "MPT-QUARANTINE-OFF",
			Text: "Quarantine is off: new servers run without being approved.", Hint: `Remove "quarantine": false from the configuration to turn it on.`}
	}
	if cfg.MCPAuth == "none" {
		auth = stateview.Problem{Code: "MPT-MCP-OPEN",
			Text: "Every program on this computer can use the MCP endpoint: it asks for no token.", Hint: `Remove "mcp_auth": "none" from the configuration once your clients can send the token.`}
	}
	c.problem.set("quarantine", gate)
	c.problem.set("mcp_auth", auth)
}

// fileProblem words an error of the configuration file; ok is false for any
// other error, and then it has no text.
func fileProblem(err error) (p stateview.Problem, ok bool) {
	p = stateview.Problem{Code: "MPT-CONFIG", Action: "edit_config"}
	e, ok := errors.AsType[*config.Error](err)
	if ok {
		p.Text, p.Hint = e.Error(), e.Hint
	}
	return p, ok
}

// entryProblem words refused entries as one problem; none gives the zero problem.
func entryProblem(code string, refused []*config.Error) stateview.Problem {
	if len(refused) == 0 {
		return stateview.Problem{}
	}
	p := stateview.Problem{Code: code, Text: refused[0].Error(), Hint: refused[0].Hint, Action: "edit_config"}
	switch more := len(refused) - 1; {
	case more == 1:
		p.Text += " One more entry is refused."
	case more > 1:
		p.Text += fmt.Sprintf(" %d more entries are refused.", more)
	}
	return p
}

// readOnlyProblem words why the program's directories cannot be used.
func readOnlyProblem(err error) stateview.Problem {
	p := stateview.Problem{Code: "MPT-DATA-DIR", Text: "The program's folder cannot be used.", Hint: "See the log."}
	if e, ok := errors.AsType[*config.Error](err); ok {
		p.Text, p.Hint = e.Error(), e.Hint
	}
	return p
}
