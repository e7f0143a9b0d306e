package notify

import (
	"fmt"
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
	quietUntil time.Time // zero when not quiet
	starting   bool      // the silence may end as soon as every server has settled
}

// A track is what is remembered of one server.
type track struct {
	up      bool
	upSince time.Time   // when it was seen to come up
	downAt  time.Time   // when its loss becomes news; zero if it does not
	losses  []time.Time // within FlapWindow
	muted   time.Time   // nothing about its connection until then
	told    string      // what the user was told to do for it, so that it is told once
}

// A group is servers with the same news, told together when due.
type group struct {
	due   time.Time // zero when names is empty
	names []string
}

// An outage is servers that one note called disconnected. It lasts until the
// note has said that all are back.
type outage struct {
	tag  string
	down []string
	back []string  // reconnected, which is told when due
	due  time.Time // zero when back is empty
}

// NewDecider returns a decider that is quiet from start on, as after a start.
func NewDecider(s Settings, start time.Time) *Decider {
	return &Decider{set: s, servers: map[string]*track{}, quietUntil: start.Add(s.StartupQuiet), starting: true}
}

// Wake begins a silence as after a start, because the computer slept.
func (d *Decider) Wake(now time.Time) {
	if d.quietUntil.IsZero() {
		d.starting = false // what is shown as settled is from before
	}
	d.quietUntil = now.Add(d.set.StartupQuiet)
	for _, tr := range d.servers {
		tr.downAt = time.Time{}
	}
	d.groups[kindDown] = group{}
}

// Decide takes the newest snapshot and the time. It returns what to notify now,
// and when to be called again even if nothing changes; zero means not before a change.
func (d *Decider) Decide(now time.Time, snap *stateview.Snapshot) (notes []Note, next time.Time) {
	for _, c := range stateview.Diff(d.last, snap) {
		d.change(now, &c)
	}
	d.last = snap
	if d.quietUntil.IsZero() {
		notes = d.elapsed(now)
	} else if !now.Before(d.quietUntil) || d.starting && settled(snap) {
		notes = d.summary()
	}
	return notes, d.next()
}

// settled reports whether every server, of which there is one, is what it will be.
func settled(snap *stateview.Snapshot) bool {
	for st := range snap.Servers() {
		switch st.State {
		case stateview.Connecting, stateview.Stopping, stateview.Backoff:
			return false
		}
	}
	return snap.Count() > 0
}

func (d *Decider) change(now time.Time, c *stateview.Change) {
	if c.Removed {
		d.forget(c.Name)
		delete(d.servers, c.Name)
		return
	}
	st := &c.After
	if !c.Added && c.Before.State == st.State && c.Before.Launch().ID == st.Launch().ID {
		return
	}
	tr := d.servers[c.Name]
	if tr == nil {
		tr = &track{}
		d.servers[c.Name] = tr
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
		d.tell(now, c.Name, tr, kindApprove, reason(st))
	case stateview.AuthRequired:
		tr.up, tr.downAt = false, time.Time{}
		d.groups[kindDown].remove(c.Name)
		d.tell(now, c.Name, tr, kindSignIn, reason(st))
	case stateview.Backoff, stateview.Failed:
		d.lost(now, c.Name, tr)
	case stateview.Connecting:
		if down(st) { // the loss itself was too short to be seen
			d.lost(now, c.Name, tr)
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

// lost is told that a server that may have been up is not, and not by the user.
func (d *Decider) lost(now time.Time, name string, tr *track) {
	if !tr.up {
		return
	}
	tr.up = false
	if !d.quietUntil.IsZero() || now.Before(tr.muted) {
		return
	}
	tr.losses = slices.DeleteFunc(tr.losses, func(at time.Time) bool { return now.Sub(at) >= d.set.FlapWindow })
	if tr.losses = append(tr.losses, now); d.set.FlapDowns > 0 && len(tr.losses) >= d.set.FlapDowns {
		d.forget(name)
		tr.losses, tr.muted = nil, now.Add(d.set.FlapMute)
		d.groups[kindUnstable].add(name, now.Add(d.set.Group))
		return
	}
	for _, o := range d.outages {
		if remove(&o.back, name) { // its note still says that it is down
			o.down = append(o.down, name)
			return
		}
	}
	if now.Sub(tr.upSince) >= d.set.MinUp {
		tr.downAt = now.Add(d.set.DownAfter)
	}
}

// tell notes once per server and reason that it waits for the user. In a
// silence that is left to the summary.
func (d *Decider) tell(now time.Time, name string, tr *track, k kind, reason string) {
	if d.quietUntil.IsZero() && tr.told != reason {
		tr.told = reason
		d.groups[k].add(name, now.Add(d.set.Group))
	}
}

// reason is what a server waits for, empty if not for the user.
func reason(st *stateview.ServerStatus) string {
	switch st.State {
	case stateview.Quarantined:
		return "approve " + st.Launch().ID
	case stateview.AuthRequired:
		return "sign in"
	}
	return ""
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
		g := &d.groups[k]
		if g.due.IsZero() || now.Before(g.due) {
			continue
		}
		slices.Sort(g.names)
		n := groupNote(k, g.names, d.set)
		if n.Tag = fmt.Sprintf("%d/%s", k, g.names[0]); k == kindDown {
			n.Tag = d.newOutage(g.names)
		}
		notes = append(notes, n)
		*g = group{}
	}
	for _, o := range d.outages {
		if len(o.back) > 0 && !now.Before(o.due) {
			slices.Sort(o.back)
			notes = append(notes, recoveredNote(o.tag, o.back, o.down))
			o.back = nil
		}
	}
	d.tidy()
	return notes
}

// summary ends a silence with what is wrong and was not told, if anything is.
func (d *Decider) summary() []Note {
	d.quietUntil, d.starting = time.Time{}, false
	var names [numKinds][]string
	for k := range d.groups {
		names[k], d.groups[k] = d.groups[k].names, group{}
	}
	for st := range d.last.Servers() {
		tr, why := d.servers[st.Name], reason(&st)
		switch {
		case why != "" && why != tr.told && st.State == stateview.Quarantined:
			tr.told, names[kindApprove] = why, append(names[kindApprove], st.Name)
		case why != "" && why != tr.told:
			tr.told, names[kindSignIn] = why, append(names[kindSignIn], st.Name)
		case why == "" && down(&st) && !d.toldDown(st.Name):
			names[kindDown] = append(names[kindDown], st.Name)
		}
	}
	tag := d.newOutage(names[kindDown])
	d.tidy()
	for k := range names {
		slices.Sort(names[k])
	}
	if slices.IndexFunc(names[:], func(n []string) bool { return len(n) > 0 }) < 0 {
		return nil
	}
	return []Note{summaryNote(tag, names, d.set)}
}

// toldDown reports whether the last note about the server says that it is down.
func (d *Decider) toldDown(name string) bool {
	return slices.ContainsFunc(d.outages, func(o *outage) bool { return slices.Contains(o.down, name) })
}

func (d *Decider) newOutage(names []string) (tag string) {
	d.count++
	o := &outage{tag: fmt.Sprintf("outage/%d", d.count), down: slices.Clone(names)}
	d.outages = append(d.outages, o)
	return o.tag
}

// tidy drops outages of which nothing is left to tell.
func (d *Decider) tidy() {
	for _, o := range d.outages {
		if len(o.back) == 0 {
			o.due = time.Time{}
		}
	}
	d.outages = slices.DeleteFunc(d.outages, func(o *outage) bool { return len(o.down)+len(o.back) == 0 })
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
		}
	}
	return first
}

func (g *group) add(name string, due time.Time) {
	if len(g.names) == 0 {
		g.due = due
	}
	if !slices.Contains(g.names, name) {
		g.names = append(g.names, name)
	}
	if due.Before(g.due) {
		g.due = due
	}
}

func (g *group) remove(name string) {
	if remove(&g.names, name) && len(g.names) == 0 {
		g.due = time.Time{}
	}
}

// remove takes name out of names and reports whether it was there.
func remove(names *[]string, name string) bool {
	i := slices.Index(*names, name)
	if i < 0 {
		return false
	}
	*names = slices.Delete(*names, i, i+1)
	return true
}
