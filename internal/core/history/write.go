package history

import (
	"bytes"
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
	var hide *redactor // none keeps no payloads, also of what was queued while they were wanted
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
	h.works()
	return nil
}

// works says that the file could be written, if it could not before. The caller holds writing.
func (h *History) works() {
	if h.failing {
		h.failing = false
		h.log.Info("history is written again")
		h.problem(stateview.Problem{})
	}
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
		f.oldest = time.Time{}
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
