package core

import (
	"iter"
	"os"
	"slices"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/history"
	"mcpproxy-tray/internal/core/supervisor"
	"mcpproxy-tray/internal/core/upstream"
	"mcpproxy-tray/internal/stateview"
)

// newHistory prepares the history of what happens. Run opens its file, beside the servers'
// start, which does not wait for it.
func (c *Core) newHistory(cfg *config.Config) {
	c.history = history.New(history.Options{
		Path: c.o.Dirs.History(), Settings: history.Settings(cfg.History), Secrets: c.configuredSecrets,
		Problem: func(p stateview.Problem) { c.problem.set("history", p) }, Logger: c.o.Logger,
	})
	c.metrics.HistoryDropped = c.history.Dropped
}

// record hands transitions to the history.
func (c *Core) record(transitions iter.Seq[supervisor.Transition]) {
	for t := range transitions {
		c.history.Changed(history.Transition{Server: t.Server, From: t.From.String(), To: t.To.String(), At: t.At,
			Code: t.Problem.Code, Text: t.Problem.Text})
	}
}

// configuredSecrets returns the values that the configuration in force gives to servers
// and that nothing may show. Only what keeps payloads asks for them.
func (c *Core) configuredSecrets() []string {
	var all []string
	for _, srv := range c.cfg.Load().Servers {
		all = append(all, upstream.Secrets(srv, os.LookupEnv)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
