package notify

import (
	"slices"
	"time"

	"mcpproxy-tray/internal/stateview"
)

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

// settledFor reports whether a start is over, because every server has settled. Who
// needs the user then must have needed him for a while.
func (d *Decider) settledFor(now time.Time, snap *stateview.Snapshot) bool {
	if !d.starting || !d.hushed.IsZero() || !settled(snap) {
		d.settledAt = time.Time{}
		return false
	}
	if d.settledAt.IsZero() {
		d.settledAt = now
	}
	for st := range snap.Servers() {
		if n := needs(&st); n.why != "" && !d.servers[st.Name].knows(n) {
			return !now.Before(d.settledAt.Add(d.set.NeedAfter))
		}
	}
	return true
}

// summary ends a silence with what is wrong and was not told, if anything is.
func (d *Decider) summary(now time.Time) []Note {
	if d.starting && d.last.Count() > 0 {
		d.prune()
	}
	d.quietUntil, d.starting = time.Time{}, false
	var names [numKinds][]string
	if d.set.tells(kindUnstable) {
		names[kindUnstable] = d.groups[kindUnstable].names
	}
	d.groups = [numKinds]group{}
	for st := range d.last.Servers() {
		tr, n := d.servers[st.Name], needs(&st)
		switch {
		case d.muted[st.Name], n.why != "" && !d.set.tells(n.kind):
		case n.why != "" && !tr.knows(n) && now.Before(tr.since.Add(d.grace(n.kind))):
			tr.wants, tr.askAt = n, tr.since.Add(d.grace(n.kind))
		case n.why != "" && !tr.knows(n):
			tr.know(n)
			tr.wants, tr.askAt = need{}, time.Time{}
			names[n.kind] = append(names[n.kind], st.Name)
		case n.why != "" || !down(&st) || d.toldDown(st.Name):
		case waitsForNetwork(&st) && d.set.tells(kindNetwork):
			names[kindNetwork] = append(names[kindNetwork], st.Name)
		case !waitsForNetwork(&st) && d.set.tells(kindDown):
			names[kindDown] = append(names[kindDown], st.Name)
		}
	}
	if slices.IndexFunc(names[:], func(n []string) bool { return len(n) > 0 }) < 0 {
		return nil
	}
	var asks []ask
	for k := range names {
		slices.Sort(names[k])
		if k := kind(k); k == kindApprove || k == kindSignIn || k == kindReview {
			asks = append(asks, asksOf(k, names[k])...)
		}
	}
	tag := d.newOutage(now, slices.Concat(names[kindDown], names[kindNetwork], names[kindCrash]), asks, len(names[kindNetwork]) > 0)
	d.tidy()
	return []Note{summaryNote(tag, names, d.set)}
}

// prune forgets servers that were remembered and are not there any more.
func (d *Decider) prune() {
	for name := range d.servers {
		if _, ok := d.last.GetServer(name); !ok {
			delete(d.servers, name)
		}
	}
}
