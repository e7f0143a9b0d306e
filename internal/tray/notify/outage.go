package notify

import (
	"fmt"
	"slices"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// Codes of problems that have a notification of their own.
const (
	codeCrashLoop   = "MPT-CRASH-LOOP"
	codeNetworkGone = "MPT-NETWORK-GONE"
)

// An outage is servers that one note called disconnected. It lasts until the
// note has said that all are back. A server is in one at most.
type outage struct {
	tag     string
	down    []string
	back    []string  // reconnected, which is told when due
	due     time.Time // zero when back is empty
	network bool      // the note says that the network is gone
	wrong   time.Time // when that needs correction; zero while it is true, and if it does not say so
}

// elapsed returns what is due.
func (o *outage) elapsed(now time.Time, set Settings) (n Note, ok bool) {
	switch {
	case len(o.back) > 0 && !now.Before(o.due):
		slices.Sort(o.back)
		n = recoveredNote(o.tag, o.back, o.down)
		o.back = nil
	case len(o.back) == 0 && len(o.down) > 0 && !o.wrong.IsZero() && !now.Before(o.wrong):
		slices.Sort(o.down)
		n = groupNote(kindDown, o.down, set)
		n.Tag = o.tag
	default:
		return n, false
	}
	o.network, o.wrong = false, time.Time{}
	return n, true
}

// toldDown reports whether the last note about the server says that it is down.
func (d *Decider) toldDown(name string) bool {
	return slices.ContainsFunc(d.outages, func(o *outage) bool { return slices.Contains(o.down, name) })
}

// newOutage begins an outage of servers and returns its tag, which is that of a note
// about some of them and no others if there is one: the new one takes its place.
func (d *Decider) newOutage(names []string, network bool) (tag string) {
	for _, o := range d.outages {
		for _, name := range names {
			remove(&o.down, name)
			remove(&o.back, name)
		}
		if len(o.down)+len(o.back) == 0 {
			tag = o.tag
		}
	}
	d.tidy()
	if tag == "" && len(names) > 0 {
		tag = d.servers[names[0]].note
	}
	if tag == "" {
		d.count++
		tag = fmt.Sprintf("outage/%d", d.count)
	}
	for _, tr := range d.servers {
		if tr.note == tag {
			tr.note = ""
		}
	}
	d.outages = append(d.outages, &outage{tag: tag, down: slices.Clone(names), network: network})
	return tag
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

// news words what happened to servers, of which there is at least one.
func (d *Decider) news(now time.Time, k kind, names []string) []Note {
	n := groupNote(k, names, d.set)
	switch k {
	case kindDown:
		return d.losses(now, names)
	case kindCrash:
		n.Tag = d.newOutage(names, false)
		return []Note{n}
	}
	n.Tag = fmt.Sprintf("%d/%s", k, names[0])
	if k == kindUnstable {
		for _, name := range names {
			d.servers[name].note = n.Tag
		}
	}
	return []Note{n}
}

// losses words the loss of servers, less those that a note about the network has
// named already. What they wait for is known by now.
func (d *Decider) losses(now time.Time, names []string) (notes []Note) {
	var lost, waiting []string
	for _, name := range names {
		if d.toldDown(name) {
			continue
		}
		if st, _ := d.last.GetServer(name); waitsForNetwork(&st) {
			waiting = append(waiting, name)
		} else {
			lost = append(lost, name)
		}
	}
	if len(lost) > 0 {
		n := groupNote(kindDown, lost, d.set)
		n.Tag = d.newOutage(lost, false)
		notes = append(notes, n)
	}
	if len(waiting) > 0 {
		notes = append(notes, d.networkGone(now, waiting)...)
	}
	return notes
}

// networkGone words the loss of the network, by which names are lost, once for all
// servers that wait for it.
func (d *Decider) networkGone(now time.Time, names []string) []Note {
	for _, o := range d.outages {
		if o.network { // the user knows
			o.down = append(o.down, names...)
			return nil
		}
	}
	if now.Before(d.network.muted) {
		return nil
	}
	if d.network.flaps(now, d.set) {
		return []Note{unstableNetworkNote(d.set)}
	}
	var all []string
	for st := range d.last.Servers() {
		if waitsForNetwork(&st) && !d.muted[st.Name] {
			all = append(all, st.Name)
		}
	}
	n := groupNote(kindNetwork, all, d.set)
	n.Tag = d.newOutage(all, true)
	return []Note{n}
}

// followNetwork notices that a note which says that the network is gone is not true
// any more. Who reconnects soon is told of by that; the others then need another note.
func (d *Decider) followNetwork(now time.Time) {
	for _, o := range d.outages {
		switch {
		case !o.network:
		case anyWaitsForNetwork(d.last):
			o.wrong = time.Time{}
		case o.wrong.IsZero():
			o.wrong = now.Add(d.set.DownAfter + d.set.Group)
		}
	}
}

func anyWaitsForNetwork(snap *stateview.Snapshot) bool {
	for st := range snap.Servers() {
		if waitsForNetwork(&st) {
			return true
		}
	}
	return false
}

func waitsForNetwork(st *stateview.ServerStatus) bool {
	return st.State == stateview.Backoff && st.Problem().Code == codeNetworkGone
}
