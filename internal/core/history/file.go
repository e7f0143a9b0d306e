package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/store"
	"mcpproxy-tray/internal/stateview"
)

// schema is the version of the file's layout, stored under meta/schema.
//
//	meta    schema; its sequence numbers all that follows
//	names   id → a word that many records have
//	runs    number → run: while what had which number the program ran
//	calls   one bucket per server: number → call
//	states  one bucket per server: number → change, the newest 1,000; its sequence is their count
const schema = 1

var (
	bucketMeta   = []byte("meta")
	bucketNames  = []byte("names")
	bucketRuns   = []byte("runs")
	bucketCalls  = []byte("calls")
	bucketStates = []byte("states")
	keySchema    = []byte("schema")
)

const (
	keepChanges = 1_000   // of a server's state; one that flaps every 5 s fills it in 80 minutes
	keepRuns    = 1_000   // of the program
	allocBytes  = 1 << 20 // by which the file grows, so that little of it is empty
)

// A file is an open file. Its methods but page and uptime are for who holds writing. A
// record that cannot be understood is left out of what is told.
type file struct {
	db    *bbolt.DB
	path  string
	names names
	run   uint64    // number of this run of the program
	began time.Time // of it

	oldest time.Time // when the oldest call was; zero if that is to be looked for

	damaged atomic.Uint64 // records that were met and are none, since they were last told
}

// openFile opens a file or makes one, and begins a run. A new one that does not fit on the
// disk is removed again: half of it would be taken for a damaged one.
func openFile(path string, began time.Time, s Settings) (*file, error) {
	info, missing := os.Stat(path)
	f, err := openAny(path, began, s)
	if isFull(err) && (errors.Is(missing, fs.ErrNotExist) || missing == nil && info.Mode().IsRegular() && info.Size() == 0) {
		_ = os.Remove(path) // as it was
	}
	return f, err
}

func openAny(path string, began time.Time, s Settings) (*file, error) {
	db, readOnly, err := store.OpenFile(path)
	if err != nil {
		return nil, err
	}
	if readOnly {
		return nil, errors.Join(&store.Error{Code: store.ReadOnly, Text: "The history cannot be written.", Path: path}, db.Close())
	}
	db.AllocSize = allocBytes
	f := &file{db: db, path: path, began: began.Round(0)}
	err = f.update(func(tx *bbolt.Tx) error {
		if err := f.prepare(tx); err != nil {
			return err
		}
		if err := f.names.load(tx.Bucket(bucketNames)); err != nil {
			return err
		}
		if err := f.forgetServers(tx, began.Add(-s.MaxAge)); err != nil {
			return err
		}
		f.look(tx)
		return f.beginRun(tx)
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *file) close() error { return store.Guarded(f.path, f.db.Close) }

func (f *file) update(fn func(*bbolt.Tx) error) error {
	return store.Guarded(f.path, func() error { return f.db.Update(fn) })
}

func (f *file) view(fn func(*bbolt.Tx) error) error {
	return store.Guarded(f.path, func() error { return f.db.View(fn) })
}

// prepare makes the buckets of a new file, and checks that another one is ours.
func (f *file) prepare(tx *bbolt.Tx) error {
	if k, _ := tx.Cursor().First(); k == nil {
		for _, name := range [][]byte{bucketMeta, bucketNames, bucketRuns, bucketCalls, bucketStates} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(schema)))
	}
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return damaged("no schema version")
	}
	version, err := strconv.Atoi(string(meta.Get(keySchema)))
	if err != nil || version < 1 {
		return damaged("schema version %q", meta.Get(keySchema))
	}
	if version > schema {
		return &store.Error{Code: store.Newer, Text: "The history was written by a newer version.", Path: f.path}
	}
	for _, name := range [][]byte{bucketNames, bucketRuns, bucketCalls, bucketStates} {
		if tx.Bucket(name) == nil {
			return damaged("no bucket %s", name)
		}
	}
	return nil
}

func damaged(format string, args ...any) error {
	return &store.Error{Code: store.Damaged, Text: "The history is damaged.", Err: fmt.Errorf(format, args...)}
}

func isDamaged(err error) bool {
	e, ok := errors.AsType[*store.Error](err)
	return ok && e.Code == store.Damaged
}

// forgetServers drops the changes of servers that are gone: whoever is there and not
// disabled has one in each run. What the last run saw stays, which a crash may have ended at any time since it
// wrote; else the run that saw the last change must have ended before a time.
func (f *file) forgetServers(tx *bbolt.Tx, before time.Time) error {
	runs := f.runs(tx, f.began)
	states := tx.Bucket(bucketStates)
	var gone [][]byte
	for name, b := range buckets(states) {
		k, v := b.Cursor().Last()
		at, ok := timeOf(v)
		i := runOf(runs, seqOf(k))
		if i >= 0 {
			at = later(at, runs[i].end)
		}
		if last := i >= 0 && i == len(runs)-1; !last && (!ok || at.Before(before)) {
			gone = append(gone, name)
		}
	}
	for _, name := range gone {
		if err := states.DeleteBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// beginRun numbers this run of the program and forgets the oldest.
func (f *file) beginRun(tx *bbolt.Tx) error {
	var err error
	if f.run, err = tx.Bucket(bucketMeta).NextSequence(); err != nil {
		return err
	}
	runs := tx.Bucket(bucketRuns)
	n := 0
	c := runs.Cursor()
	for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
		if n++; n >= keepRuns {
			if err := c.Delete(); err != nil {
				return err
			}
		}
	}
	return f.putRun(tx, time.Now())
}

// putRun notes that the program ran until now.
func (f *file) putRun(tx *bbolt.Tx, now time.Time) error {
	return tx.Bucket(bucketRuns).Put(number(f.run), binary.AppendVarint(binary.AppendVarint(nil, f.began.UnixMilli()), now.UnixMilli()))
}

// number returns the key of a number, in whose order the keys are.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// open opens the file for h; a damaged one is moved aside. The caller holds writing.
func (h *History) open() {
	s := *h.settings.Load()
	var note stateview.Problem
	f, err := openFile(h.path, h.began, s)
	if isDamaged(err) {
		h.log.Error("history is damaged", "path", h.path, "err", err)
		if moved := os.Rename(h.path, damagedPath(h.path)); moved != nil {
			h.log.Error("damaged history stays", "err", moved)
			err = &store.Error{Code: store.Unwritable, Text: "The damaged history cannot be moved.", Err: moved}
		} else {
			note = explain(h.path, err)
			f, err = openFile(h.path, h.began, s)
		}
	}
	if err != nil {
		h.broken(err)
		return
	}
	h.file, h.began = f, time.Now() // of the next run, if it is switched off and on
	if h.failing || !note.IsZero() {
		h.failing = false
		h.problem(note)
	}
}

// close closes the file, if there is one. The caller holds writing.
func (h *History) close() {
	if h.file == nil {
		return
	}
	err := h.file.update(func(tx *bbolt.Tx) error { return h.file.putRun(tx, time.Now()) })
	if err := errors.Join(err, h.file.close()); err != nil {
		h.log.Warn("history not closed in order", "err", err)
	}
	h.file, h.began = nil, time.Now()
}

// broken says that the file could not be opened or written. Where space may be found, or
// the file may be mended, it is tried again; else nothing is kept from now on. The
// caller holds writing.
func (h *History) broken(err error) {
	again := h.file != nil || isFull(err)
	if !h.failing {
		h.log.Error("history cannot be written", "path", h.path, "err", err)
	}
	if p := explain(h.path, err); !isDamaged(err) { // that one is told when a new file is there
		h.problem(p)
		if !again {
			h.off.Store(&p)
		}
	}
	h.failing = again
	if isDamaged(err) && h.file != nil {
		if err := h.file.close(); err != nil {
			h.log.Warn("damaged history not closed", "err", err)
		}
		h.file = nil
	}
}
