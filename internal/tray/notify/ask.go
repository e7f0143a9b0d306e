package notify

import (
	"slices"
	"strings"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A need is what a server waits for; why is empty if it is not for the user.
type need struct {
	kind kind
	why  string
	held int // tools to review
}

// needs returns what a server needs the user for.
func needs(st *stateview.ServerStatus) need {
	switch {
	case st.State == stateview.Quarantined:
		return need{kind: kindApprove, why: whyApprove + st.Launch().ID}
	case st.State == stateview.AuthRequired:
		return need{kind: kindSignIn, why: "sign in"}
	case st.State == stateview.Failed && st.Problem().Code == codeCrashLoop:
		return need{kind: kindCrash, why: whyRepair}
	case st.State == stateview.Connected && st.Tools.Held() > 0:
		return need{kind: kindReview, why: "review", held: st.Tools.Held()}
	}
	return need{}
}

const (
	whyApprove = "approve "
	whyRepair  = "repair"
)

// An ask is a server that a note calls in need of the user.
type ask struct {
	name string
	kind kind
}

// stands reports whether a note of that kind may still be true. A server that is
// tried again may need the same as before, so its note waits for the outcome.
func stands(k kind, st *stateview.ServerStatus) bool {
	trying := st.State == stateview.Connecting || st.State == stateview.Backoff
	switch k {
	case kindApprove:
		return st.State == stateview.Quarantined
	case kindSignIn:
		return st.State == stateview.AuthRequired || trying
	case kindReview:
		return trying || st.State == stateview.AuthRequired || st.State == stateview.Failed || st.Tools.Held() > 0 && st.State == stateview.Connected
	}
	return true
}

// follow forgets what the user was told of needs that are gone, and withdraws it.
func (d *Decider) follow(now time.Time, st *stateview.ServerStatus, tr *track, n need) {
	if tr.wants.why != "" && (tr.wants.kind != n.kind || tr.wants.why != n.why || n.held == 0 && n.kind == kindReview) {
		d.unask(st.Name, tr)
	}
	switch st.State {
	case stateview.Connected:
		tr.told, tr.held = "", min(tr.held, st.Tools.Held())
	case stateview.Quarantined, stateview.Disabled, stateview.Stopping:
	default:
		if strings.HasPrefix(tr.told, whyApprove) { // it was approved
			tr.told = ""
		}
	}
	for _, o := range d.outages {
		if slices.ContainsFunc(o.asks, func(a ask) bool { return a.name == st.Name && !stands(a.kind, st) }) {
			o.answered(st.Name)
			if st.State == stateview.Failed { // it may be back where it was
				tr.told = ""
			}
			d.correct(now, o)
		}
	}
	d.tidy()
}

// knows reports whether the user was told of a need.
func (tr *track) knows(n need) bool {
	if n.kind == kindReview {
		return n.held <= tr.held
	}
	return tr.told == n.why
}

// know remembers that the user was told of a need.
func (tr *track) know(n need) {
	if n.kind == kindReview {
		tr.held = n.held
	} else {
		tr.told = n.why
	}
}

// tell asks the user for what a server needs, once it has needed that for a while.
// In a silence that is left to the summary.
func (d *Decider) tell(now time.Time, name string, tr *track, n need) {
	switch {
	case tr.wants.why == n.why:
		tr.wants.held = n.held
	case tr.knows(n):
	default:
		tr.wants, tr.since = n, now
		if d.quietUntil.IsZero() {
			tr.askAt = now.Add(d.grace(n.kind))
		}
	}
}

// grace is how long a need must last. A crash loop took its time already.
func (d *Decider) grace(k kind) time.Duration {
	if k == kindCrash {
		return 0
	}
	return d.set.NeedAfter
}

// unask drops what a server was about to ask for.
func (d *Decider) unask(name string, tr *track) {
	d.groups[tr.wants.kind].remove(name)
	tr.wants, tr.askAt = need{}, time.Time{}
}

// asked notes that what servers need has been told.
func (d *Decider) asked(names []string) {
	for _, name := range names {
		if tr := d.servers[name]; tr != nil {
			tr.know(tr.wants)
			tr.wants, tr.askAt = need{}, time.Time{}
		}
	}
}
