package notify

import (
	"slices"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A Decider decides what to notify. It is a state machine over snapshots and a
// clock that it is told: no I/O, no goroutine, no timer. Use NewDecider.
type Decider struct {
	set        Settings
	last       *stateview.Snapshot
	servers    map[string]*track
	groups     [numKinds]group
	outages    []*outage
	count      int       // outages so far, for their tags
	network    track     // its losses, as if it were a server
	quietUntil time.Time // zero when not quiet
	settling   time.Time // end of the silence after a start or wake-up
	hushed     time.Time // end of the quiet time that the user asked for; zero without one
	muted      map[string]bool
	starting   bool // the silence may end as soon as every server has settled
}

// A track is what is remembered of one server.
type track struct {
	up      bool
	upSince time.Time   // when it was seen to come up
	downAt  time.Time   // when its loss becomes news; zero if it does not
	losses  []time.Time // within FlapWindow
	muted   time.Time   // nothing about its connection until then
	told    string      // what the user was told to do for it, so that it is told once
	note    string      // tag of the note that calls it unstable
}

// NewDecider returns a decider that is quiet from start on, as after a start.
func NewDecider(s Settings, start time.Time) *Decider {
	return &Decider{set: s, servers: map[string]*track{}, quietUntil: start.Add(s.StartupQuiet), settling: start.Add(s.StartupQuiet), starting: true}
}

// Wake begins a silence as after a start, because the computer slept.
func (d *Decider) Wake(now time.Time) {
	d.starting = false // what is shown as settled is from before
	d.settling = now.Add(d.set.StartupQuiet)
	d.silence(later(d.settling, d.hushed))
}

// Decide takes the newest snapshot and the time. It returns what to notify now,
// and when to be called again even if nothing changes; zero means not before a change.
func (d *Decider) Decide(now time.Time, snap *stateview.Snapshot) (notes []Note, next time.Time) {
	for _, c := range stateview.Diff(d.last, snap) {
		d.change(now, &c)
	}
	d.last = snap
	d.followNetwork(now)
	if d.quietUntil.IsZero() {
		notes = d.elapsed(now)
	} else if !now.Before(d.quietUntil) || d.starting && d.hushed.IsZero() && settled(snap) {
		notes = d.summary()
	}
	return notes, d.next()
}

func (d *Decider) change(now time.Time, c *stateview.Change) {
	if c.Removed {
		d.forget(c.Name)
		delete(d.servers, c.Name)
		return
	}
	st := &c.After
	if !c.Added && c.Before.State == st.State && needs(&c.Before) == needs(st) {
		return
	}
	tr := d.servers[c.Name]
	if tr == nil {
		tr = &track{}
		d.servers[c.Name] = tr
	}
	n := needs(st)
	if d.muted[c.Name] {
		tr.ignore(now, st.State == stateview.Connected, n.why)
		return
	}
	switch st.State {
	case stateview.Connected:
		d.connected(now, c.Name, tr)
	case stateview.Disabled, stateview.Stopping: // by the user
		d.forget(c.Name)
		*tr = track{told: tr.told}
	case stateview.Quarantined:
		d.forget(c.Name)
		*tr = track{told: tr.told}
		d.tell(now, c.Name, tr, n)
	case stateview.AuthRequired, stateview.Backoff, stateview.Failed:
		if n.why != "" {
			d.parked(now, c.Name, tr, n)
		} else {
			d.lost(now, st, tr)
		}
	case stateview.Connecting:
		if down(st) { // the loss itself was too short to be seen
			d.lost(now, st, tr)
		}
		tr.up = false // else it was restarted by the user
	}
}

func (d *Decider) connected(now time.Time, name string, tr *track) {
	if tr.up {
		return // something else of it changed
	}
	tr.up, tr.upSince, tr.downAt, tr.told = true, now, time.Time{}, ""
	for k := range d.groups {
		if kind(k) != kindUnstable {
			d.groups[k].remove(name)
		}
	}
	for _, o := range d.outages {
		if remove(&o.down, name) {
			if len(o.back) == 0 {
				o.due = now.Add(d.set.Group)
			}
			o.back = append(o.back, name)
		}
	}
}

// parked is told that a server needs the user, who is told that instead of its loss.
func (d *Decider) parked(now time.Time, name string, tr *track, n need) {
	tr.up, tr.downAt = false, time.Time{}
	d.groups[kindDown].remove(name)
	d.groups[kindUnstable].remove(name)
	d.tell(now, name, tr, n)
}

// lost is told that a server that may have been up is not, and not by the user.
func (d *Decider) lost(now time.Time, st *stateview.ServerStatus, tr *track) {
	if !tr.up {
		return
	}
	tr.up = false
	if !d.quietUntil.IsZero() || now.Before(tr.muted) {
		return
	}
	if !waitsForNetwork(st) && tr.flaps(now, d.set) {
		d.forget(st.Name)
		d.groups[kindUnstable].add(st.Name, now.Add(d.set.Group))
		return
	}
	for _, o := range d.outages {
		if remove(&o.back, st.Name) { // its note still says that it is down
			o.down = append(o.down, st.Name)
			return
		}
	}
	if now.Sub(tr.upSince) >= d.set.MinUp {
		tr.downAt = now.Add(d.set.DownAfter)
	}
}

// flaps records a loss and reports whether it makes too many, which mutes the rest.
func (tr *track) flaps(now time.Time, set Settings) bool {
	tr.losses = slices.DeleteFunc(tr.losses, func(at time.Time) bool { return now.Sub(at) >= set.FlapWindow })
	tr.losses = append(tr.losses, now)
	if set.FlapDowns == 0 || len(tr.losses) < set.FlapDowns {
		return false
	}
	tr.losses, tr.muted = nil, now.Add(set.FlapMute)
	return true
}

// tell notes once per server and reason that it needs the user. In a silence that
// is left to the summary.
func (d *Decider) tell(now time.Time, name string, tr *track, n need) {
	if d.quietUntil.IsZero() && tr.told != n.why {
		tr.told = n.why
		d.groups[n.kind].add(name, now.Add(d.set.Group))
	}
}

// A need is what a server waits for; why is empty if it is not for the user.
type need struct {
	kind kind
	why  string
}

func needs(st *stateview.ServerStatus) need {
	switch {
	case st.State == stateview.Quarantined:
		return need{kindApprove, "approve " + st.Launch().ID}
	case st.State == stateview.AuthRequired:
		return need{kindSignIn, "sign in"}
	case st.State == stateview.Failed && st.Problem().Code == codeCrashLoop:
		return need{kindCrash, "repair"}
	}
	return need{}
}

// down reports whether a server is lost, or between two attempts after a loss. A
// first attempt is a start or the user's restart.
func down(st *stateview.ServerStatus) bool {
	return st.State.Down() || st.State == stateview.Connecting && (!st.Problem().IsZero() || st.Attempt > 1)
}

// forget drops all that is about to be told of a server.
func (d *Decider) forget(name string) {
	if tr := d.servers[name]; tr != nil {
		tr.downAt = time.Time{}
	}
	for k := range d.groups {
		d.groups[k].remove(name)
	}
	for _, o := range d.outages {
		remove(&o.down, name)
		remove(&o.back, name)
	}
	d.tidy()
}

// elapsed returns what is due.
func (d *Decider) elapsed(now time.Time) []Note {
	for name, tr := range d.servers {
		if !tr.downAt.IsZero() && !now.Before(tr.downAt) {
			d.groups[kindDown].add(name, tr.downAt.Add(d.set.Group))
			tr.downAt = time.Time{}
		}
	}
	var notes []Note
	for k := range numKinds {
		if g := &d.groups[k]; !g.due.IsZero() && !now.Before(g.due) {
			slices.Sort(g.names)
			notes = append(notes, d.news(now, k, g.names)...)
			*g = group{}
		}
	}
	for _, o := range d.outages {
		if note, ok := o.elapsed(now, d.set); ok {
			notes = append(notes, note)
		}
	}
	d.tidy()
	return notes
}

// next returns the earliest of all deadlines.
func (d *Decider) next() time.Time {
	if !d.quietUntil.IsZero() {
		return d.quietUntil
	}
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, tr := range d.servers {
		sooner(tr.downAt)
	}
	for _, g := range d.groups {
		sooner(g.due)
	}
	for _, o := range d.outages {
		if len(o.back) > 0 {
			sooner(o.due)
		} else {
			sooner(o.wrong)
		}
	}
	return first
}
