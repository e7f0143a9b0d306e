package history

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// spareBytes is what of a file is kept free: a transaction writes its piece and copies of
	// the pages that it changes, before those and the pages of what it drops can be used again.
	spareBytes = 4 * pieceBytes
	// recordOverhead is what a record takes beside its value: the key and the page's entry.
	recordOverhead = 8 + 16

	soonest = time.Hour      // that a program at rest looks again for calls that are too old
	latest  = 24 * time.Hour // as a timer stands still while the computer sleeps
)

// look notes when the oldest call was.
func (f *file) look(tx *bbolt.Tx) {
	f.oldest = time.Now()
	if sources := callSources(tx); len(sources) > 0 {
		f.oldest, _ = timeOf(sources[0].v)
	}
}

// due returns when the oldest call becomes too old; a time that is over if that is to be
// looked for.
func (f *file) due(s *Settings) time.Time { return f.oldest.Add(s.MaxAge) }

// expire drops calls that are too old. The caller holds writing.
func (h *History) expire() {
	s := h.settings.Load()
	if h.file == nil || time.Now().Before(h.file.due(s)) {
		return
	}
	err := h.file.update(func(tx *bbolt.Tx) error { return h.file.prune(tx, s, pieceItems) })
	if err != nil {
		h.file.oldest = time.Time{}
		h.broken(err)
		return
	}
	h.works()
}

// rest returns how long nothing is to be done if nothing comes. The caller holds writing.
func (h *History) rest() time.Duration {
	switch {
	case h.file == nil:
		return latest
	case h.file.oldest.IsZero():
		return 0
	}
	return min(max(time.Until(h.file.due(h.settings.Load())), soonest), latest)
}

// prune drops the oldest calls, at most so many, that are too old or do not fit. What is
// free in the file is written over, so the file stays below its limit. Where it is full
// and changes take more than half of it, they go first, so that there is room for calls.
func (f *file) prune(tx *bbolt.Tx, s *Settings, most int) error {
	stats := f.db.Stats()
	used := tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*int64(f.db.Info().PageSize)
	over := used - (s.MaxBytes - spareBytes)
	now := time.Now()
	if over <= 0 && now.Before(f.due(s)) {
		return nil
	}
	if over > 0 {
		freed, err := dropChanges(tx.Bucket(bucketStates), (s.MaxBytes-spareBytes)/2)
		if err != nil {
			return err
		}
		over -= freed
	}
	before := now.Add(-s.MaxAge)
	sources := callSources(tx)
	f.oldest = now
	var gone []place
	for len(sources) > 0 {
		src := sources[0]
		at, ok := timeOf(src.v)
		if ok && over <= 0 && at.After(before) {
			f.oldest = at
			break
		}
		if len(gone) == most {
			f.oldest = time.Time{} // there is more
			break
		}
		gone = append(gone, place{src.name, bytes.Clone(src.k)})
		over -= int64(recordOverhead + len(src.v))
		sources.advance()
	}
	return dropCalls(tx.Bucket(bucketCalls), gone)
}

// A place is where a call stands.
type place struct{ server, key []byte }

// dropCalls drops calls, and the buckets that are empty then.
func dropCalls(calls *bbolt.Bucket, gone []place) error {
	for _, p := range gone {
		b := calls.Bucket(p.server)
		b.FillPercent = 1
		if err := b.Delete(p.key); err != nil {
			return err
		}
	}
	for _, p := range gone {
		if b := calls.Bucket(p.server); b != nil {
			if k, _ := b.Cursor().First(); k == nil {
				if err := calls.DeleteBucket(p.server); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// dropChanges drops changes until they take no more than so many bytes, of the servers
// that have the most, oldest first, and returns how many bytes that were. The last one of
// a server stays.
func dropChanges(states *bbolt.Bucket, most int64) (freed int64, err error) {
	const atOnce = 16
	excess := int64(states.Stats().LeafAlloc) - most
	var all []*bbolt.Bucket
	for _, b := range buckets(states) {
		b.FillPercent = 1
		all = append(all, b)
	}
	for freed < excess && len(all) > 0 {
		longest := slices.MaxFunc(all, func(a, b *bbolt.Bucket) int { return cmp.Compare(a.Sequence(), b.Sequence()) })
		left := longest.Sequence()
		if left <= 1 {
			break
		}
		for range min(atOnce, left-1) {
			k, v := longest.Cursor().First()
			freed += int64(recordOverhead + len(v))
			if err := longest.Delete(k); err != nil {
				return 0, err
			}
			left--
		}
		if err := longest.SetSequence(left); err != nil {
			return 0, err
		}
	}
	return freed, nil
}

// oldest is a heap of buckets by their next record.
type oldest []*source

// A source is a bucket of a server at one of its records.
type source struct {
	kind   Kind
	name   []byte
	cursor *bbolt.Cursor
	k, v   []byte
}

// callSources returns the calls, the oldest first.
func callSources(tx *bbolt.Tx) oldest {
	all := oldest{}
	for name, b := range buckets(tx.Bucket(bucketCalls)) {
		all.add(name, b)
	}
	heap.Init(&all)
	return all
}

func (o *oldest) add(name []byte, b *bbolt.Bucket) {
	s := &source{name: name, cursor: b.Cursor()}
	if s.k, s.v = s.cursor.First(); s.k != nil {
		*o = append(*o, s)
	}
}

// advance goes to the next record of the oldest.
func (o *oldest) advance() {
	s := (*o)[0]
	if s.k, s.v = s.cursor.Next(); s.k == nil {
		heap.Pop(o)
		return
	}
	heap.Fix(o, 0)
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (o oldest) Len() int           { return len(o) }
func (o oldest) Less(i, j int) bool { return bytes.Compare(o[i].k, o[j].k) < 0 }
func (o oldest) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *oldest) Push(x any)        { *o = append(*o, x.(*source)) }
func (o *oldest) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}
