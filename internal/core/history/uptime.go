package history

import (
	"context"
	"encoding/binary"
	"sort"
	"time"

	"go.etcd.io/bbolt"
)

// An Uptime says how a server did since a time. What is not known, because the program
// did not run, and what nobody asked for, because the server was switched off, held
// back or being stopped, counts neither as up nor as down.
type Uptime struct {
	Server   string
	From     time.Time     // from when on something is known
	Up       time.Duration // connected
	Down     time.Duration // wanted, and not connected
	Failures int           // how often a connected server was lost
}

// Share returns the part of the time that counts in which the server was up, from 0 to
// 1; ok is false if no time counts.
func (u Uptime) Share() (share float64, ok bool) {
	all := u.Up + u.Down
	if all == 0 {
		return 0, false
	}
	return float64(u.Up) / float64(all), true
}

// MTBF returns the mean time between failures: how long the server was up for each
// failure. ok is false if it had none.
func (u Uptime) MTBF() (mean time.Duration, ok bool) {
	if u.Failures == 0 {
		return 0, false
	}
	return u.Up / time.Duration(u.Failures), true
}

// Uptime returns how the servers did since a time (zero: since anything is known), of
// which something is known, by name; of one server if that is not empty. It fails as
// Page does.
func (h *History) Uptime(ctx context.Context, server string, since time.Time) (list []Uptime, err error) {
	err = h.tell(ctx, func(f *file) (err error) {
		list, err = f.uptime(ctx, server, since, time.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (f *file) uptime(ctx context.Context, server string, since, now time.Time) (list []Uptime, err error) {
	err = f.view(func(tx *bbolt.Tx) error {
		runs := f.runs(tx, now)
		words := f.names.list()
		for name, b := range buckets(tx.Bucket(bucketStates)) {
			if server != "" && string(name) != bucketName(server) {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var changes []Entry
			c := b.Cursor()
			for k, v := c.First(); k != nil; k, v = c.Next() {
				e, ok := decode(States, string(name[1:]), seqOf(k), v, words)
				if !ok {
					f.damaged.Add(1)
					e = Entry{Seq: e.Seq, Server: e.Server} // from then on nothing is known
				}
				changes = append(changes, e)
			}
			if u, ok := measure(changes, runs, since, now); ok {
				list = append(list, u)
			}
		}
		return nil
	})
	return list, err
}

// A run is one time that the program ran.
type run struct {
	seq        uint64 // of its beginning among the entries
	begin, end time.Time
}

// runs returns the runs of the program, oldest first; this one goes until now.
func (f *file) runs(tx *bbolt.Tx, now time.Time) []run {
	var all []run
	c := tx.Bucket(bucketRuns).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		begin, n := binary.Varint(v)
		end, m := binary.Varint(v[max(n, 0):])
		if n <= 0 || m <= 0 {
			continue // counts as time of which nothing is known
		}
		all = append(all, run{seqOf(k), time.UnixMilli(begin), time.UnixMilli(end)})
	}
	if len(all) > 0 && all[len(all)-1].seq == f.run {
		all[len(all)-1].end = now
	}
	return all
}

// runOf returns which of the runs an entry is of, -1 if it is not known any more.
func runOf(runs []run, seq uint64) int {
	return sort.Search(len(runs), func(i int) bool { return runs[i].seq > seq }) - 1
}

// measure sums up a server's changes, oldest first. ok is false if nothing is known.
func measure(changes []Entry, runs []run, since, now time.Time) (u Uptime, ok bool) {
	for i, e := range changes {
		at := runOf(runs, e.Seq)
		if at < 0 || e.To == "" {
			continue // the run is not known any more, or the change is damaged
		}
		end := runs[at].end
		if i+1 < len(changes) && runOf(runs, changes[i+1].Seq) == at {
			if changes[i+1].From != e.To {
				continue // it was removed meanwhile, or a change was lost
			}
			end = changes[i+1].At
		}
		if e.From == "connected" && lost(e.To) && !e.At.Before(since) {
			u.Failures++
			ok = true
		}
		begin := later(e.At, since)
		if end.After(now) {
			end = now
		}
		if !end.After(begin) {
			continue
		}
		if !ok || u.From.IsZero() || begin.Before(u.From) {
			u.From = begin
		}
		ok = true
		switch {
		case e.To == "connected":
			u.Up += end.Sub(begin)
		case lost(e.To), e.To == "connecting":
			u.Down += end.Sub(begin)
		}
	}
	if ok {
		u.Server = changes[0].Server
	}
	return u, ok
}

// lost reports whether a state is one of a server that should run and does not.
func lost(state string) bool {
	return state == "backoff" || state == "auth_required" || state == "failed"
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
