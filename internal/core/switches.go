package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/keep"
	"mcpproxy-tray/internal/stateview"
)

// switches is what people switched in the running program, beside its
// configuration. It is remembered over restarts, also those after a crash: calls
// that were paused stay paused.
type switches struct {
	Paused bool                 `json:"paused,omitempty"`
	Until  map[string]time.Time `json:"until,omitempty"` // when a server is switched off again; replaced whole
}

// offRetry is how long to wait when a server could not be switched off at its time.
const offRetry = time.Minute

// Switches returns whether calls are paused, when which servers are switched off
// again, and a channel that is closed when either changes. The caller must not
// change until.
func (c *Core) Switches() (paused bool, until map[string]time.Time, changed <-chan struct{}) {
	changed = c.switches.Changed()
	s := c.switches.Load()
	return s.Paused, s.Until, changed
}

// SetPaused refuses all calls of clients, or no longer. Sessions stay, and calls
// that are under way end as ever.
func (c *Core) SetPaused(_ context.Context, on bool) error {
	err := c.switches.Change(func(s switches) (switches, bool) {
		changed := s.Paused != on
		s.Paused = on
		return s, changed
	})
	return explain(err)
}

// A pausedError is a request that was refused while calls are paused.
type pausedError struct{}

func (pausedError) Error() string { return "calls are paused" }

// Unsent says that no server saw the request.
func (pausedError) Unsent() bool { return true }

// Problem words it for people.
func (pausedError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-PAUSED", Text: "Calls are paused in mcpproxy-tray until its user resumes them.",
		Hint: "Choose “Resume calls” in the tray's menu."}
}

// EnableFor switches a server on and, after that long or up to a minute more, at
// a full minute, off again: also if the program was restarted meanwhile, or at its
// next start. Switching it by hand ends that.
func (c *Core) EnableFor(ctx context.Context, name string, d time.Duration) error {
	if err := c.edit(ctx, c.file.SetEnabled(name, true)); err != nil {
		return err
	}
	end := time.Now().Round(0).Add(d) // by the clock on the wall, as after a restart
	if whole := end.Truncate(time.Minute); whole.Before(end) {
		end = whole.Add(time.Minute)
	}
	return explain(c.switches.Change(func(s switches) (switches, bool) {
		until := maps.Clone(s.Until)
		if until == nil {
			until = map[string]time.Time{}
		}
		until[name] = end
		s.Until = until
		return s, true
	}))
}

// keepOn forgets the ends of servers that drop reports true for.
func (c *Core) keepOn(drop func(name string) bool) error {
	return c.switches.Change(func(s switches) (switches, bool) {
		until := maps.Clone(s.Until)
		maps.DeleteFunc(until, func(name string, _ time.Time) bool { return drop(name) })
		changed := len(until) != len(s.Until)
		s.Until = until
		return s, changed
	})
}

// forgetEnds forgets the ends of servers that a configuration does not switch on.
func (c *Core) forgetEnds(cfg *config.Config) {
	c.unsaved(c.keepOn(func(name string) bool {
		srv, ok := cfg.Server(name)
		return !ok || srv.Disabled
	}))
}

// switchOff switches off the servers whose time is over in the configuration
// file, and returns when to look again; zero if there is nothing to wait for.
func (c *Core) switchOff() (next time.Time, changed bool) {
	now, over := time.Now(), map[string]bool{}
	var failed error
	for name, end := range c.switches.Load().Until {
		if end.After(now) {
			if next.IsZero() || end.Before(next) {
				next = end
			}
			continue
		}
		if err := c.file.SetEnabled(name, false); err != nil && !errors.Is(err, config.ErrUnknownServer) {
			failed = fmt.Errorf("switch off %q at its time: %w", name, err)
			continue
		}
		over[name] = true
	}
	c.unsaved(c.keepOn(func(name string) bool { return over[name] }))
	var p stateview.Problem
	if failed != nil {
		c.log.Warn("a server stays on", "err", failed)
		p, _ = fileProblem(failed)
		p.Text = "A server could not be switched off at its time. " + p.Text
		if retry := now.Add(offRetry); next.IsZero() || retry.Before(next) {
			next = retry
		}
	}
	c.problem.set("until", p)
	return next, len(over) > 0
}

// watchEnds switches servers off at their times until ctx is done.
func (c *Core) watchEnds(ctx context.Context) {
	for {
		changed := c.switches.Changed()
		next, switched := c.switchOff()
		if switched {
			if err := c.reapply(); err != nil {
				c.configProblem(err)
			}
			continue
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(time.Until(next))
		}
		select {
		case <-timer:
		case <-changed:
		case <-c.woke: // timers stand still while the machine sleeps
		case <-ctx.Done():
			return
		}
	}
}

// wakeUp tells watchEnds that the machine was asleep.
func (c *Core) wakeUp() {
	select {
	case c.woke <- struct{}{}:
	default:
	}
	if c.o.Woke != nil {
		c.o.Woke()
	}
}

// unsaved logs that a change holds only until the program ends.
func (c *Core) unsaved(err error) {
	if err != nil {
		c.log.Warn("not remembered", "err", err)
	}
}

// unsavedProblem words it for people.
func unsavedProblem(e *keep.UnsavedError) stateview.Problem {
	return stateview.Problem{Code: "MPT-DATA-DIR", Text: "It was done, but holds only until the program ends: it cannot be written down.",
		Hint: "Make " + e.Path + " and its folder writable for your user."}
}

func (c *Core) switchesFile() string { return filepath.Join(c.o.Dirs.Data, "switches.json") }

// MutesFile is where the program's face remembers what is not to be notified of.
func (c *Core) MutesFile() string { return filepath.Join(c.o.Dirs.Data, "mutes.json") }

// ToldFile returns where it is kept what the user was notified of.
func (c *Core) ToldFile() string { return filepath.Join(c.o.Dirs.Data, "told.json") }
