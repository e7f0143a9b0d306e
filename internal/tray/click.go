package tray

import (
	"time"

	"mcpproxy-tray/internal/tray/menu"
)

// A binding is what a slot last meant, and since when clicks may mean it.
type binding struct {
	action menu.Action
	since  time.Time // zero if it never meant anything else
	own    bool      // it follows from the user's own click on what the slot meant
}

// bind notes which slots get another meaning by the operations about to be applied.
func (t *Tray) bind() {
	for _, op := range t.ops {
		if op.Kind != menu.SetNode || op.Node.Action.IsZero() {
			continue
		}
		was, now := t.slots[op.Node.ID], op.Node.Action
		if was.action == now {
			continue
		}
		next := binding{action: now}
		if !was.action.IsZero() {
			next.since, next.own = t.drawn, t.expected(was.action, now)
		}
		t.slots[op.Node.ID] = next
	}
}

// expected reports whether a slot's new meaning follows from the user's own
// click on the old one: after "Disable" it says "Enable".
func (t *Tray) expected(was, now menu.Action) bool {
	if was.Server != now.Server || was.LaunchID != now.LaunchID || t.asked[was.Server] != was.Kind {
		return false
	}
	delete(t.asked, was.Server)
	return true
}
