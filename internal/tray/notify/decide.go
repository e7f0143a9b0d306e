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
	starting   bool      // the silence may end as soon as every server has settled
	settledAt  time.Time // since when they all have, while starting; zero if not
	gone       []string  // tags of notes to withdraw
}

// A track is what is remembered of one server.
type track struct {
	up      bool
	upSince time.Time   // when it was seen to come up
	downAt  time.Time   // when its loss becomes news; zero if it does not
	losses  []time.Time // within FlapWindow
	muted   time.Time   // nothing about its connection until then
	told    string      // what the user was told to do for it, so that it is told once
	held    int         // tools to review that the user was told of
	wants   need        // that the user is about to be told of
	since   time.Time   // when that began
	askAt   time.Time   // when it has lasted; zero before the end of a silence, and when it is in a group
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
	} else if !now.Before(d.quietUntil) || d.settledFor(now, snap) {
		notes = append(d.summary(now), d.elapsed(now)...)
	}
	for _, n := range notes {
		for _, o := range d.outages {
			if o.tag == n.Tag {
				o.said = n.Title + n.Body
			}
		}
	}
	for _, tag := range d.gone {
		notes = append(notes, Note{Tag: tag, withdrawn: true})
	}
	d.gone = nil
	return notes, d.next()
}

func (d *Decider) change(now time.Time, c *stateview.Change) {
	if c.Removed {
		d.forget(now, c.Name)
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
	if tr.told == whyRepair && restarted(c) {
		tr.told = "" // whether that helped is news
	}
	if d.muted[c.Name] {
		tr.ignore(now, st.State == stateview.Connected, n)
		return
	}
	d.follow(now, st, tr, n)
	switch st.State {
	case stateview.Connected:
		d.connected(now, c.Name, tr)
		if n.why != "" {
			d.tell(now, c.Name, tr, n)
		}
	case stateview.Disabled, stateview.Stopping: // by the user
		d.forget(now, c.Name)
		*tr = track{told: tr.told, held: tr.held}
	case stateview.Quarantined:
		if c.Before.State != stateview.Quarantined {
			d.forget(now, c.Name)
			*tr = track{told: tr.told, held: tr.held}
		}
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
	tr.up, tr.upSince, tr.downAt = true, now, time.Time{}
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
		d.downAgain(st.Name)
		return
	}
	if !waitsForNetwork(st) && tr.flaps(now, d.set) {
		d.forget(now, st.Name)
		d.groups[kindUnstable].add(st.Name, now.Add(d.set.Group))
		return
	}
	if d.downAgain(st.Name) {
		return
	}
	if now.Sub(tr.upSince) >= d.set.MinUp {
		tr.downAt = now.Add(d.set.DownAfter)
	}
}

// downAgain reports whether a note still says that a server is down that was about
// to be told as reconnected.
func (d *Decider) downAgain(name string) bool {
	for _, o := range d.outages {
		if remove(&o.back, name) {
			o.down = append(o.down, name)
			return true
		}
	}
	return false
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

// down reports whether a server is lost, or between two attempts after a loss. A
// first attempt is a start or the user's restart.
func down(st *stateview.ServerStatus) bool {
	return st.State.Down() || st.State == stateview.Connecting && (!st.Problem().IsZero() || st.Attempt > 1)
}

// restarted reports whether the user gave a server that had failed another chance.
func restarted(c *stateview.Change) bool {
	was := c.Before.State
	return (was == stateview.Failed || was == stateview.Stopping) && c.After.State == stateview.Connecting && !down(&c.After)
}

// forget drops all that is about to be told of a server.
// What it was called on the screen goes with that, or is said again of the others.
func (d *Decider) forget(now time.Time, name string) {
	if tr := d.servers[name]; tr != nil {
		tr.downAt, tr.askAt, tr.wants = time.Time{}, time.Time{}, need{}
		d.calm(tr)
	}
	for k := range d.groups {
		d.groups[k].remove(name)
	}
	for _, o := range d.outages {
		if o.forget(name) {
			d.correct(now, o)
		}
	}
	d.tidy()
}

// calm withdraws the note that calls a server unstable, unless others are named there.
func (d *Decider) calm(tr *track) {
	tag := tr.note
	if tag == "" {
		return
	}
	tr.note = ""
	for _, other := range d.servers {
		if other.note == tag {
			return
		}
	}
	d.gone = append(d.gone, tag)
}

// elapsed returns what is due.
func (d *Decider) elapsed(now time.Time) []Note {
	for name, tr := range d.servers {
		if !tr.downAt.IsZero() && !now.Before(tr.downAt) {
			d.groups[kindDown].add(name, tr.downAt.Add(d.set.Group))
			tr.downAt = time.Time{}
		}
		if !tr.askAt.IsZero() && !now.Before(tr.askAt) {
			d.groups[tr.wants.kind].add(name, tr.since.Add(max(d.set.Group, d.grace(tr.wants.kind))))
			tr.askAt = time.Time{}
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
		if note, ok := d.correction(now, o); ok && note.Title+note.Body != o.said {
			notes = append(notes, note)
		}
	}
	d.tidy()
	return notes
}

// next returns the earliest of all deadlines.
func (d *Decider) next() time.Time {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !d.quietUntil.IsZero() {
		sooner(d.quietUntil)
		if d.starting && !d.settledAt.IsZero() {
			sooner(d.settledAt.Add(d.set.NeedAfter))
		}
		return first
	}
	for _, tr := range d.servers {
		sooner(tr.askAt)
		sooner(tr.downAt)
	}
	for _, g := range d.groups {
		sooner(g.due)
	}
	for _, o := range d.outages {
		if o.due.IsZero() {
			sooner(o.wrong)
		}
		sooner(o.due)
	}
	return first
}
