package supervisor

import (
	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/stateview"
)

// A goal is what is wanted of one server.
type goal struct {
	srv     config.Server
	rest    stateview.State // where it shall rest: Disabled, Quarantined or Failed; Connected: it shall run
	restart uint64          // counts the restarts that a person asked for
}

// A fact is what is true of one server.
type fact struct {
	state   stateview.State
	live    bool          // a runner exists
	srv     config.Server // the entry that this state is about
	restart uint64        // the goal's count when it was started
}

// An action is one step towards the goal.
type action uint8

// The actions of a reconcile.
const (
	add    action = iota // begin to show it, at rest
	start                // make a runner for the goal's entry
	stop                 // ask its runner to end; its end is reported
	settle               // put it to rest as the goal says
	remove               // stop showing it
)

// reconcile returns the actions that close the gap between the goal and the
// fact of one server; nil is one that is not wanted, or not there. After these
// actions it returns none until something else happens.
func reconcile(g *goal, f *fact) []action {
	switch {
	case g == nil && f == nil:
		return nil
	case f == nil && g.rest == stateview.Connected:
		return []action{add, start}
	case f == nil:
		return []action{add, settle}
	case f.state == stateview.Stopping && f.live:
		return nil // its end is awaited first, whatever is wanted by then
	case f.live:
		if g == nil || g.rest != stateview.Connected || g.changes(f) {
			return []action{stop}
		}
	case g == nil:
		return []action{remove}
	case g.rest != stateview.Connected:
		if f.state != g.rest || g.changes(f) {
			return []action{settle}
		}
	case !parked(f.state) || g.changes(f):
		return []action{start}
	}
	return nil
}

// changes reports whether the fact is about another entry, or about the time before a restart.
func (g *goal) changes(f *fact) bool { return g.restart != f.restart || !g.srv.Equal(f.srv) }

// parked reports whether a server waits there without a runner until its goal changes.
func parked(s stateview.State) bool { return s == stateview.Failed || s == stateview.AuthRequired }
