package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/history"
	"mcpproxy-tray/internal/core/httpapi"
	"mcpproxy-tray/internal/core/supervisor"
	"mcpproxy-tray/internal/keep"
	"mcpproxy-tray/internal/stateview"
)

// shownWithin is how long a command waits to see its effect published.
const shownWithin = 2 * time.Second

// SetEnabled switches a server on or off in the configuration file and applies
// it. If it was on for a time only, that is over.
func (c *Core) SetEnabled(ctx context.Context, name string, on bool) error {
	if err := c.edit(ctx, c.file.SetEnabled(name, on)); err != nil {
		return err
	}
	return explain(c.keepOn(func(n string) bool { return n == name }))
}

// Add puts a server into the configuration file and applies it. It does not
// approve it. When it returns nil, the server is in the read model, so that it
// can be asked for.
func (c *Core) Add(ctx context.Context, name string, entry json.RawMessage) error {
	return c.edit(ctx, c.file.Add(name, entry))
}

// Remove takes a server out of the configuration file and applies that.
func (c *Core) Remove(ctx context.Context, name string) error {
	return c.edit(ctx, c.file.Remove(name))
}

// Restart restarts a server.
func (c *Core) Restart(ctx context.Context, name string) error {
	return explain(c.super.Restart(ctx, name))
}

// Approve lets a server run what launchID names, and nothing else. The approval
// is on disk when it returns nil.
func (c *Core) Approve(ctx context.Context, name, launchID string) error {
	return explain(c.super.Approve(ctx, name, launchID))
}

// ApproveForReview is Approve, but that the server's first list of tools is held.
func (c *Core) ApproveForReview(ctx context.Context, name, launchID string) error {
	return explain(c.super.ApproveForReview(ctx, name, launchID))
}

// ApproveTools shows tools of a server to clients, for exactly the definitions whose
// hashes are given, all of them or none. The approval is on disk when it returns nil.
func (c *Core) ApproveTools(ctx context.Context, name string, tools []httpapi.HeldTool) error {
	ids := make([]approval.ToolID, len(tools))
	for i, t := range tools {
		ids[i] = approval.ToolID{Name: t.Tool, Hash: t.Hash}
	}
	return explain(c.super.ApproveTools(ctx, name, ids))
}

// approvedTool returns the definition of a tool that was approved last, or nothing.
func (c *Core) approvedTool(server, tool string) string {
	if c.store == nil {
		return ""
	}
	rec, _, err := c.store.Tool(server, tool)
	if err != nil {
		c.log.Error("approved definition not read", "server", server, "tool", tool, "err", err)
	}
	return rec.Definition
}

// edit finishes a change of the configuration file: it is applied at once, not
// when the watcher notices it, and seen in the read model when edit returns.
func (c *Core) edit(ctx context.Context, err error) error {
	if err == nil {
		err = c.reapply()
	}
	if err != nil {
		return explain(err)
	}
	c.sync(ctx)
	return nil
}

// sync waits until what was applied is seen in the read model. If that takes longer,
// or the program ends, it is no failure of whoever waits.
func (c *Core) sync(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	_ = c.super.Sync(ctx)
}

// reapply puts what the configuration file says now into force.
func (c *Core) reapply() error {
	c.reload.Lock()
	defer c.reload.Unlock()
	cfg, err := c.file.Load()
	if err != nil {
		return err
	}
	c.apply(cfg)
	return nil
}

// watchConfig applies each new configuration until ctx is done.
func (c *Core) watchConfig(ctx context.Context) {
	for read, err := range c.file.Watch(ctx) {
		if err != nil {
			c.configProblem(err)
			continue
		}
		c.warn(read)
		c.reload.Lock()
		// What the watcher read may be older than what a command applied since.
		if cfg, err := c.file.Load(); err == nil {
			c.apply(cfg)
		}
		c.reload.Unlock()
	}
}

// apply puts a configuration into force. The caller holds reload.
func (c *Core) apply(cfg *config.Config) {
	c.problem.set("config", stateview.Problem{})
	c.noteConfig(cfg)
	old := c.cfg.Swap(cfg)
	var moved stateview.Problem
	if c.o.Listen == "" && cfg.Listen != c.asked {
		moved = stateview.Problem{Code: "MPT-LISTEN-CHANGED",
			Text: fmt.Sprintf("The configuration asks for the address %s.", cfg.Listen), Hint: "It is used after the next start."}
	}
	c.problem.set("listen", moved)
	c.setLevel(cfg)
	c.history.Configure(history.Settings(cfg.History))
	if c.o.Configured != nil {
		c.o.Configured()
	}
	if !cfg.Equal(old) {
		c.log.Info("configuration applied", "servers", len(cfg.Servers))
	}
	c.logs.keep(cfg.Servers)
	c.forgetEnds(cfg)
	c.super.Apply(cfg)
}

// A commandError is an error of a command: a sentinel of httpapi to branch on,
// and words for people where there are some.
type commandError struct {
	kind    error // a sentinel of httpapi, or err if none fits
	problem stateview.Problem
	err     error // for the log
}

func (e *commandError) Error() string              { return e.err.Error() }
func (e *commandError) Unwrap() []error            { return []error{e.kind, e.err} }
func (e *commandError) Problem() stateview.Problem { return e.problem }

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

// kinds says which of our callers' sentinels stands for which error of a command.
var kinds = []struct{ err, kind error }{
	{config.ErrUnknownServer, httpapi.ErrUnknownServer},
	{config.ErrExists, httpapi.ErrExists},
	{config.ErrInvalid, httpapi.ErrInvalid},
	{config.ErrReadOnly, httpapi.ErrReadOnly},
	{config.ErrBusy, httpapi.ErrReadOnly},
	{supervisor.ErrUnknownServer, httpapi.ErrUnknownServer},
	{supervisor.ErrStale, httpapi.ErrStale},
	{supervisor.ErrUnknownTool, httpapi.ErrUnknownTool},
	{supervisor.ErrStaleTool, httpapi.ErrStaleTool},
	{supervisor.ErrNotConnected, httpapi.ErrNotNow},
	{supervisor.ErrNotSaved, httpapi.ErrReadOnly},
}

// explain turns an error of the packages below into one that callers above understand.
func explain(err error) error {
	if err == nil {
		return nil
	}
	e := &commandError{err: err, kind: err}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			e.kind = k.kind
			break
		}
	}
	if x, ok := errors.AsType[explained](err); ok {
		e.problem = x.Problem()
	} else if p, ok := fileProblem(err); ok {
		e.problem = p
	} else if u, ok := errors.AsType[*keep.UnsavedError](err); ok {
		e.kind, e.problem = httpapi.ErrReadOnly, unsavedProblem(u)
	}
	return e
}
