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

// summary ends a silence with what is wrong and was not told, if anything is.
func (d *Decider) summary() []Note {
	d.quietUntil, d.starting = time.Time{}, false
	var names [numKinds][]string
	for k := range d.groups {
		names[k], d.groups[k] = d.groups[k].names, group{}
	}
	for st := range d.last.Servers() {
		tr, n := d.servers[st.Name], needs(&st)
		switch {
		case d.muted[st.Name]:
		case n.why != "" && n.why != tr.told:
			tr.told, names[n.kind] = n.why, append(names[n.kind], st.Name)
		case n.why != "" || !down(&st) || d.toldDown(st.Name):
		case waitsForNetwork(&st):
			names[kindNetwork] = append(names[kindNetwork], st.Name)
		default:
			names[kindDown] = append(names[kindDown], st.Name)
		}
	}
	tag := d.newOutage(slices.Concat(names[kindDown], names[kindNetwork], names[kindCrash]), len(names[kindNetwork]) > 0)
	d.tidy()
	for k := range names {
		slices.Sort(names[k])
	}
	if slices.IndexFunc(names[:], func(n []string) bool { return len(n) > 0 }) < 0 {
		return nil
	}
	return []Note{summaryNote(tag, names, d.set)}
}
