package history

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/stateview"
)

// flush writes what is queued in one transaction, or puts it back. The caller holds writing.
func (h *History) flush() error {
	taken := h.take()
	if len(taken.items) == 0 {
		h.reuse(taken)
		return nil
	}
	if h.file == nil {
		if h.off.Load() != nil {
			h.dropped.Add(uint64(len(taken.items)))
			h.reuse(taken)
			return nil
		}
		h.putBack(taken.items)
		return ErrNotOpen
	}
	s := h.settings.Load()
	hide := &redactor{}
	if s.Payloads {
		hide = newRedactor(h.secrets())
		hide.late = h.endsNow
	}
	for rest := taken.items; len(rest) > 0; {
		n := piece(rest)
		if err := h.file.write(rest[:n], s, hide); err != nil {
			h.putBack(rest)
			h.broken(err)
			return err
		}
		rest = rest[n:]
	}
	h.reuse(taken)
	if h.failing {
		h.failing = false
		h.log.Info("history is written again")
		h.problem(stateview.Problem{})
	}
	return nil
}

// endsNow reports whether the program ends and has redacted for long enough.
func (h *History) endsNow() bool {
	by := h.redactBy.Load()
	return by != nil && time.Now().After(*by)
}

const (
	pieceItems = 4_096   // of one transaction
	pieceBytes = 1 << 20 // of one transaction, about
)

// piece returns how many of the first items go into one transaction, so that what is
// written before old pages are free again is bounded.
func piece(batch []item) int {
	size := 0
	for i, it := range batch {
		size += 128 + len(it.call.Why) + len(it.call.Params) + len(it.call.Answer)
		if i == pieceItems || size > pieceBytes && i > 0 {
			return i
		}
	}
	return len(batch)
}

// write writes a batch, after the oldest calls that are too many.
func (f *file) write(batch []item, s *Settings, hide *redactor) error {
	known := f.names.count()
	err := f.update(func(tx *bbolt.Tx) error {
		if err := f.prune(tx, s, 2*len(batch)+256); err != nil {
			return err
		}
		w := writer{tx: tx, enc: encoder{names: &f.names, words: tx.Bucket(bucketNames)}, hide: hide, servers: map[string]*bbolt.Bucket{}}
		for i := range batch {
			if err := w.put(&batch[i]); err != nil {
				return err
			}
		}
		return f.putRun(tx, time.Now())
	})
	if err != nil {
		f.names.cut(known)
	}
	return err
}

// A writer writes items in one transaction.
type writer struct {
	tx      *bbolt.Tx
	enc     encoder
	hide    *redactor
	servers map[string]*bbolt.Bucket // by kind and name
}

func (w *writer) put(it *item) error {
	kind, server, value := bucketCalls, it.call.Server, []byte(nil)
	if it.change != nil {
		kind, server, value = bucketStates, it.change.Server, w.enc.change(it.change)
	} else {
		value = w.enc.call(&it.call, w.hide)
	}
	if w.enc.err != nil {
		return w.enc.err
	}
	b, err := w.bucket(kind, server)
	if err != nil {
		return err
	}
	n, err := w.tx.Bucket(bucketMeta).NextSequence()
	if err != nil {
		return err
	}
	if err := b.Put(number(n), value); err != nil || it.change == nil {
		return err
	}
	return keepNewest(b)
}

// bucket returns the bucket of a server, which is filled from one end.
func (w *writer) bucket(kind []byte, server string) (*bbolt.Bucket, error) {
	key := string(kind) + bucketName(server)
	if b := w.servers[key]; b != nil {
		return b, nil
	}
	b, err := w.tx.Bucket(kind).CreateBucketIfNotExists([]byte(bucketName(server)))
	if err != nil {
		return nil, err
	}
	b.FillPercent = 1
	w.servers[key] = b
	return b, nil
}

// bucketName is a server's name with a sign before it: of calls of unknown tools the
// name is empty, which no bucket's can be.
func bucketName(server string) string { return "=" + shorten(server, maxNameBytes) }

// keepNewest counts one more change and drops the oldest.
func keepNewest(b *bbolt.Bucket) error {
	count := b.Sequence() + 1
	for ; count > keepChanges; count-- {
		k, _ := b.Cursor().First()
		if k == nil {
			count = 0
			break
		}
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return b.SetSequence(count)
}

// prune drops the oldest calls, at most so many, that are too old or do not fit. What is
// free in the file is written over, so the file stays below its limit.
func (f *file) prune(tx *bbolt.Tx, s *Settings, most int) error {
	stats := f.db.Stats()
	used := tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*int64(f.db.Info().PageSize)
	over := used - (s.MaxBytes - spareBytes)
	now := time.Now()
	if over <= 0 && now.Sub(f.aged) < ageing {
		return nil
	}
	f.aged = now
	before := now.Add(-s.MaxAge)
	calls := tx.Bucket(bucketCalls)
	sources := oldest{}
	for name, b := range buckets(calls) {
		sources.add(name, b)
	}
	heap.Init(&sources)
	type place struct{ name, key []byte }
	var gone []place
	for len(gone) < most && len(sources) > 0 {
		src := sources[0]
		at, ok := timeOf(src.v)
		if ok && over <= 0 && !at.Before(before) {
			break
		}
		gone = append(gone, place{src.name, bytes.Clone(src.k)})
		over -= int64(recordOverhead + len(src.v))
		sources.advance()
	}
	for _, p := range gone {
		b := calls.Bucket(p.name)
		b.FillPercent = 1
		if err := b.Delete(p.key); err != nil {
			return err
		}
	}
	for _, p := range gone {
		if b := calls.Bucket(p.name); b != nil {
			if k, _ := b.Cursor().First(); k == nil {
				if err := calls.DeleteBucket(p.name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// spareBytes is what of a file is kept free: a transaction writes its piece and copies of
// the pages that it changes, before those and the pages of what it drops can be used again.
const spareBytes = 4 * pieceBytes

// ageing is how often calls that are too old are looked for.
const ageing = time.Minute

// recordOverhead is what a record takes beside its value: the key and the page's entry.
const recordOverhead = 8 + 16

// oldest is a heap of buckets by their next record.
type oldest []*source

// A source is a bucket of a server at one of its records.
type source struct {
	kind   Kind
	name   []byte
	cursor *bbolt.Cursor
	k, v   []byte
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

// buckets yields the buckets in a bucket, by name. The names are the caller's to keep
// as long as the transaction.
func buckets(b *bbolt.Bucket) iter.Seq2[[]byte, *bbolt.Bucket] {
	return func(yield func([]byte, *bbolt.Bucket) bool) {
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if v == nil && !yield(bytes.Clone(k), b.Bucket(k)) {
				return
			}
		}
	}
}

// seqOf returns the number that a key is, 0 if it is none.
func seqOf(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}
