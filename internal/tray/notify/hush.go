package notify

import (
	"slices"
	"time"
)

// never is later than any quiet time ends.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Hush is told what the user does not want to be notified of: anything before
// until, and the connections of muted servers. After a quiet time, or when it is
// cut short, comes at most one summary.
func (d *Decider) Hush(now, until time.Time, muted []string) {
	d.muted = make(map[string]bool, len(muted))
	for _, name := range muted {
		d.muted[name] = true
		d.forget(now, name)
	}
	if until.Equal(d.hushed) {
		return
	}
	if until.IsZero() {
		for _, o := range d.outages {
			if len(o.back) > 0 { // what came back meanwhile; the summary is all that is told of that time
				o.back = nil
				d.correct(now, o)
			}
		}
		d.tidy()
	}
	d.hushed = until
	switch end := later(d.settling, until); {
	case now.Before(end):
		d.silence(end)
	case !d.quietUntil.IsZero():
		d.quietUntil = now
	}
}

// Unshown is told the tags of notes that nobody saw: what they said is news again.
func (d *Decider) Unshown(tags []string) {
	for _, o := range d.outages {
		if !slices.Contains(tags, o.tag) {
			continue
		}
		for _, name := range o.down {
			if tr := d.servers[name]; tr != nil && tr.told == whyRepair {
				tr.told = ""
			}
		}
		for _, a := range o.asks {
			if tr := d.servers[a.name]; tr != nil && a.kind == kindReview {
				tr.held = 0
			} else if tr != nil {
				tr.told = ""
			}
		}
		o.tag, o.down, o.asks, o.back, o.stale = "", nil, nil, nil, false
	}
	d.tidy()
}

// silence begins or goes on with a silence: a loss that is not told yet is for its summary.
func (d *Decider) silence(end time.Time) {
	d.quietUntil = end
	for _, tr := range d.servers {
		tr.downAt = time.Time{}
	}
	d.groups[kindDown] = group{}
}

// ignore follows a server that is muted without a word about it.
func (tr *track) ignore(now time.Time, up bool, n need) {
	if up && !tr.up {
		tr.upSince = now
	}
	tr.up, tr.told = up, ""
	if tr.know(n); up {
		tr.held = n.held
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// hush tells d what is muted, and that nothing is to be told at all if off. It
// returns a channel that is closed when what is muted changes; nil if it never does.
func (n *Notifier) hush(d *Decider, now time.Time, off bool) <-chan struct{} {
	var changed <-chan struct{}
	on, until, muted := true, time.Time{}, []string(nil)
	if n.mutes != nil {
		changed = n.mutes.Changed()
		on, until, muted = n.mutes.State()
	}
	if !on || off {
		until = never
	} else if !now.Before(until) {
		until = time.Time{}
	}
	d.Hush(now, until, muted)
	return changed
}
