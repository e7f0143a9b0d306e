package history

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/call"
)

// A Kind is what an entry tells of.
type Kind uint8

// The kinds. In a Query, Both is the default.
const (
	Both Kind = iota
	Calls
	States
)

// An Entry is a call that ended, or a change of a server's state.
type Entry struct {
	Seq    uint64 // its place: entries are numbered in the order in which they came
	Kind   Kind   // Calls or States
	Server string
	At     time.Time // when it had happened, by the clock on the wall
	Text   string    // of a call: why it did not go well; of a change: the server's problem

	// Of a call.
	Client, Tool   string
	Outcome        call.Outcome
	Took           time.Duration
	Sent, Got      int    // bytes
	Params, Answer string // their beginnings, redacted; empty if payloads were not kept

	// Of a change.
	From, To string
	Code     string // of the problem
}

// A Query says which entries to return.
type Query struct {
	Kind   Kind
	Server string    // empty: of all
	Since  time.Time // zero: of all times; else nothing before the newest entry that is older
	Before uint64    // what comes before the entry of this number; 0: the newest
	Limit  int       // at least 1
}

// A Page is the answer to a Query.
type Page struct {
	Entries []Entry // newest first
	Next    uint64  // what to put into Before for the next page; 0: there is none
}

// maxPageBytes ends a page that has so much of payloads in it.
const maxPageBytes = 8 << 20

// Page returns a page of the history, with all that was recorded before the call. It
// fails with ctx's cause, ErrOff, ErrNotOpen, or an *Error.
func (h *History) Page(ctx context.Context, q Query) (page Page, err error) {
	err = h.tell(ctx, func(f *file) (err error) {
		page, err = f.page(ctx, q, time.Now().Add(-h.settings.Load().MaxAge))
		return err
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// tell has the file read after what is queued was written to it. It fails as Page does.
func (h *History) tell(ctx context.Context, fn func(*file) error) error {
	f, err := h.reading(ctx)
	if err != nil {
		return err
	}
	err = fn(f)
	if n := f.damaged.Swap(0); n > 0 {
		h.log.Warn("damaged records left out", "records", n)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return h.locked(ctx, func() error { return h.unreadable(f, err) })
}

// reading returns the file after what is queued was written to it.
func (h *History) reading(ctx context.Context) (f *file, err error) {
	err = h.locked(ctx, func() error {
		if err := h.absent(); err != nil {
			return err
		}
		f = h.file
		_ = h.flush() // what cannot be written cannot be read yet; that is told elsewhere
		return h.absent()
	})
	return f, err
}

// absent returns why there is no file to read, nil if there is one. The caller holds writing.
func (h *History) absent() error {
	switch p := h.off.Load(); {
	case !h.settings.Load().Enabled:
		return ErrOff
	case p != nil:
		return &Error{problem: *p}
	case h.file == nil:
		return ErrNotOpen
	}
	return nil
}

// unreadable returns why a file could not be read. One that is damaged Run opens again,
// which verifies it and moves it aside. The caller holds writing.
func (h *History) unreadable(f *file, err error) error {
	switch {
	case h.file == f && isDamaged(err):
		h.broken(err)
		signal(h.changed)
	case h.file == f:
		h.log.Error("history cannot be read", "path", h.path, "err", err)
		return &Error{problem: explain(h.path, err), cause: err}
	}
	return cmp.Or(h.absent(), error(ErrNotOpen)) // it was closed meanwhile
}

// page returns a page without calls that are expired: from before that time.
func (f *file) page(ctx context.Context, q Query, expired time.Time) (page Page, err error) {
	err = f.view(func(tx *bbolt.Tx) error {
		sources := newest{}
		for kind, name := range map[Kind][]byte{Calls: bucketCalls, States: bucketStates} {
			if q.Kind == Both || q.Kind == kind {
				sources.addAll(kind, tx.Bucket(name), q)
			}
		}
		heap.Init(&sources)
		words := f.names.list()
		size := 0
		for len(sources.oldest) > 0 && ctx.Err() == nil {
			s := sources.oldest[0]
			if at, ok := timeOf(s.v); ok && s.kind == Calls && at.Before(expired) {
				sources.back(q.Since)
				continue
			}
			if n := len(page.Entries); n == q.Limit || size > maxPageBytes {
				page.Next = page.Entries[n-1].Seq
				return nil
			}
			if e, ok := decode(s.kind, string(s.name[1:]), seqOf(s.k), s.v, words); ok {
				page.Entries = append(page.Entries, e)
				size += len(e.Params) + len(e.Answer)
			} else {
				f.damaged.Add(1)
			}
			sources.back(q.Since)
		}
		return ctx.Err()
	})
	return page, err
}

// newest is a heap of buckets by their next record, the newest first.
type newest struct{ oldest }

// Less implements heap.Interface.
func (n newest) Less(i, j int) bool { return bytes.Compare(n.oldest[i].k, n.oldest[j].k) > 0 }

// addAll adds the buckets that a query is about, each at the first record it wants.
func (n *newest) addAll(kind Kind, b *bbolt.Bucket, q Query) {
	add := func(name []byte, b *bbolt.Bucket) {
		s := &source{kind: kind, name: name, cursor: b.Cursor()}
		if q.Before == 0 {
			s.k, s.v = s.cursor.Last()
		} else if s.k, s.v = s.cursor.Seek(number(q.Before)); s.k == nil {
			s.k, s.v = s.cursor.Last()
		} else {
			s.k, s.v = s.cursor.Prev()
		}
		if s.k != nil && s.isSince(q.Since) {
			n.oldest = append(n.oldest, s)
		}
	}
	if q.Server == "" {
		for name, b := range buckets(b) {
			add(name, b)
		}
		return
	}
	name := []byte(bucketName(q.Server))
	if b := b.Bucket(name); b != nil {
		add(name, b)
	}
}

// back goes to the record before the newest.
func (n *newest) back(since time.Time) {
	s := n.oldest[0]
	if s.k, s.v = s.cursor.Prev(); s.k == nil || !s.isSince(since) {
		heap.Pop(n)
		return
	}
	heap.Fix(n, 0)
}

// isSince reports whether the record is not before a time.
func (s *source) isSince(since time.Time) bool {
	at, ok := timeOf(s.v)
	return !ok || !at.Before(since.Truncate(time.Millisecond))
}
