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

// An outage is servers that one note says something wrong of. It lasts until the
// note has said that all are back, or was withdrawn. A server is down in one at most.
type outage struct {
	tag     string // empty when the note is not to be withdrawn any more
	said    string // title and body of the note
	down    []string
	asks    []ask     // of servers that need the user
	back    []string  // reconnected, which is told when due
	stale   bool      // the note names servers that it should not, which is corrected when due
	due     time.Time // zero when back is empty and the note is right
	network bool      // the note says that the network is gone
	wrong   time.Time // when that needs correction; zero while it is true, and if it does not say so
}

// answered drops a need of a server.
func (o *outage) answered(name string) (found bool) {
	n := len(o.asks)
	o.asks = slices.DeleteFunc(o.asks, func(a ask) bool { return a.name == name })
	return len(o.asks) < n
}

// forget drops all of a server and reports whether the note says something of it.
func (o *outage) forget(name string) bool {
	asked := o.answered(name)
	return remove(&o.down, name) || remove(&o.back, name) || asked
}

func (o *outage) empty() bool { return len(o.down)+len(o.asks)+len(o.back) == 0 }

// correct has a note say less soon, because it says too much. In a silence it is
// withdrawn instead, and the rest of it is for the summary.
func (d *Decider) correct(now time.Time, o *outage) {
	if !d.quietUntil.IsZero() {
		for _, a := range o.asks {
			if tr := d.servers[a.name]; tr != nil && a.kind == kindReview {
				tr.held = 0
			} else if tr != nil {
				tr.told = ""
			}
		}
		o.down, o.asks, o.back = nil, nil, nil
		return
	}
	o.stale = true
	if o.due.IsZero() {
		o.due = now.Add(d.set.Group)
	}
}

// correction returns what a note should say by now. If that is only less than before,
// it is for who still has it on the screen.
func (d *Decider) correction(now time.Time, o *outage) (n Note, ok bool) {
	switch {
	case !o.due.IsZero() && !now.Before(o.due):
		fresh := d.turn(o)
		names := d.still(o)
		if len(o.back) > 0 && d.set.says(recovered) {
			slices.Sort(o.back)
			n, ok = recoveredNote(o.tag, o.back, o.down), true
			n.add(names)
		} else if ok = slices.ContainsFunc(names[:], func(n []string) bool { return len(n) > 0 }); ok {
			n = summaryNote(o.tag, names, d.set)
			n.update = !fresh
		} else {
			o.down, o.asks = nil, nil
		}
		if o.back, o.stale, o.due = nil, false, (time.Time{}); o.empty() && ok {
			o.tag = ""
		}
	case o.due.IsZero() && len(o.down) > 0 && !o.wrong.IsZero() && !now.Before(o.wrong):
		slices.Sort(o.down)
		d.turn(o)
		if names := d.still(o); len(o.asks) > 0 {
			n, ok = summaryNote(o.tag, names, d.set), true
		} else if d.set.tells(kindDown) {
			n, ok = groupNote(kindDown, o.down, d.set), true
			n.Tag = o.tag
		} else {
			o.down = nil
		}
	default:
		return n, false
	}
	o.network, o.wrong = false, time.Time{}
	return n, ok
}

// turn has a note ask for what servers need that it called down, and reports whether
// there are any.
func (d *Decider) turn(o *outage) (fresh bool) {
	for _, name := range slices.Clone(o.down) {
		st, _ := d.last.GetServer(name)
		tr, n := d.servers[name], needs(&st)
		if tr == nil || n.why == "" || !d.set.tells(n.kind) {
			continue
		}
		fresh = fresh || !tr.knows(n)
		d.unask(name, tr)
		if tr.know(n); n.kind != kindCrash { // who keeps crashing is told of when it is back
			remove(&o.down, name)
			o.asks = append(o.asks, ask{name, n.kind})
		}
	}
	return fresh
}

// still returns what is still wrong with the servers of a note.
func (d *Decider) still(o *outage) (names [numKinds][]string) {
	for _, name := range o.down {
		st, _ := d.last.GetServer(name)
		k := kindDown
		if waitsForNetwork(&st) {
			k = kindNetwork
		} else if n := needs(&st); n.why != "" {
			k = n.kind
		}
		names[k] = append(names[k], name)
	}
	for _, a := range o.asks {
		names[a.kind] = append(names[a.kind], a.name)
	}
	for k := range numKinds {
		if slices.Sort(names[k]); !d.set.tells(k) {
			names[k] = nil
		}
	}
	return names
}

// toldDown reports whether the last note about the server says that it is down.
func (d *Decider) toldDown(name string) bool {
	return slices.ContainsFunc(d.outages, func(o *outage) bool { return slices.Contains(o.down, name) })
}

// newOutage begins an outage of servers and returns its tag, which is that of a note
// about some of them and no others if there is one: the new one takes its place.
func (d *Decider) newOutage(now time.Time, down []string, asks []ask, network bool) (tag string) {
	var took *outage
	for _, o := range d.outages {
		asked := len(o.asks)
		for _, name := range down { // it may have tools to review all the same
			o.stale = remove(&o.down, name) || remove(&o.back, name) || o.stale
			o.asks = slices.DeleteFunc(o.asks, func(a ask) bool { return a.name == name && a.kind != kindReview })
		}
		o.stale = o.stale || len(o.asks) < asked
		for _, a := range asks { // what the note says of the others is still right if it asks for the same
			if a.kind != kindReview { // else it is back, which is news of its own
				o.stale = remove(&o.down, a.name) || remove(&o.back, a.name) || o.stale
			}
			other := len(o.asks)
			o.asks = slices.DeleteFunc(o.asks, func(b ask) bool { return b.name == a.name && b.kind != a.kind })
			o.stale = o.stale || len(o.asks) < other
		}
		if len(o.down)+len(o.back) == 0 && !slices.ContainsFunc(o.asks, func(b ask) bool { return !slices.Contains(asks, b) }) {
			o.asks = nil
		}
		if o.empty() {
			took = o
		} else if o.stale {
			d.correct(now, o)
		}
	}
	if took != nil {
		tag, took.tag = took.tag, ""
	}
	d.tidy()
	if tag == "" && len(down) > 0 {
		tag = d.servers[down[0]].note
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
	d.outages = append(d.outages, &outage{tag: tag, down: slices.Clone(down), asks: asks, network: network})
	return tag
}

// tidy drops outages of which nothing is left to tell, and withdraws their notes.
func (d *Decider) tidy() {
	for _, o := range d.outages {
		if len(o.back) == 0 && !o.stale {
			o.due = time.Time{}
		}
		if o.empty() && o.tag != "" {
			d.gone = append(d.gone, o.tag)
		}
	}
	d.outages = slices.DeleteFunc(d.outages, (*outage).empty)
}

// news words what happened to servers, of which there is at least one.
func (d *Decider) news(now time.Time, k kind, names []string) []Note {
	if !d.set.tells(k) && k != kindDown {
		for _, name := range names {
			d.servers[name].wants = need{}
		}
		return nil
	}
	n := groupNote(k, names, d.set)
	switch k {
	case kindDown:
		return d.losses(now, names)
	case kindCrash:
		d.asked(names)
		n.Tag = d.newOutage(now, names, nil, false)
		return []Note{n}
	case kindApprove, kindSignIn, kindReview:
		d.asked(names)
		n.Tag = d.newOutage(now, nil, asksOf(k, names), false)
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

func asksOf(k kind, names []string) (asks []ask) {
	for _, name := range names {
		asks = append(asks, ask{name, k})
	}
	return asks
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
	if len(lost) > 0 && d.set.tells(kindDown) {
		n := groupNote(kindDown, lost, d.set)
		n.Tag = d.newOutage(now, lost, nil, false)
		notes = append(notes, n)
	}
	if len(waiting) > 0 && d.set.tells(kindNetwork) {
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
		if !d.set.tells(kindUnstable) {
			return nil
		}
		return []Note{unstableNetworkNote(d.set)}
	}
	var all []string
	for st := range d.last.Servers() {
		if waitsForNetwork(&st) && !d.muted[st.Name] {
			all = append(all, st.Name)
		}
	}
	n := groupNote(kindNetwork, all, d.set)
	n.Tag = d.newOutage(now, all, nil, true)
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
