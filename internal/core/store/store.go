package store

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// schema is the version of the file's layout, stored under meta/schema.
//
//	approvals    server NUL launch id → record
//	decisions    sequence → decision, never deleted
//	tools        server NUL hash → record; not in files of older versions, who read on without it
//	firstlists   server NUL launch id → when its first list of tools was taken; likewise
const schema = 1

var (
	bucketMeta      = []byte("meta")
	bucketApprovals = []byte("approvals")
	bucketDecisions = []byte("decisions")
	bucketTools     = []byte("tools")
	bucketFirst     = []byte("firstlists")
	keySchema       = []byte("schema")
)

// A Store is an open database file. Use Open to make one, and Close it.
type Store struct {
	db       *bbolt.DB
	path     string
	readOnly bool
}

// lockTimeout is how long Open waits for another process to let go of the file:
// long enough for a predecessor that is just closing.
const lockTimeout = time.Second

// Open opens the database file, or makes one with mode 0600. It waits at most
// one second for another process, reads the whole file once to be sure of it,
// and returns an *Error. A file that is there but cannot be written is opened
// for reading; ReadOnly tells.
func Open(path string) (*Store, error) {
	db, readOnly, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: path, readOnly: readOnly}
	if err := s.prepare(); err != nil {
		_ = guarded(db.Close)
		return nil, explain(path, err)
	}
	return s, nil
}

// OpenFile opens a bbolt file as Open does, whatever is in it, and returns an *Error.
// What is done with the database must be done in Guarded.
func OpenFile(path string) (db *bbolt.DB, readOnly bool, err error) {
	// A FIFO would block the open, and a directory gives an obscure error.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, false, explain(path, fmt.Errorf("open %s: %w", info.Mode().Type(), syscall.EISDIR))
	}
	db, readOnly, err = openVerified(path, err == nil && info.Size() > 0)
	return db, readOnly, explain(path, err)
}

// openVerified opens the database for writing or, failing that, for reading. A
// file with content is opened for reading first, to verify it: what bbolt does
// with a damaged one when it opens it for writing cannot be survived. Who gets
// the lock in between is another bbolt, and leaves a good file.
func openVerified(path string, content bool) (db *bbolt.DB, readOnly bool, err error) {
	deadline := time.Now().Add(lockTimeout)
	if content {
		db, err := openForReading(path, deadline)
		if err != nil {
			return nil, false, err
		}
		if err := db.Close(); err != nil {
			return nil, false, err
		}
	}
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, options(deadline, nil))
		return err
	})
	if content && writeRefused(err) {
		db, err = openForReading(path, deadline)
		return db, true, err
	}
	return db, false, err
}

// openForReading opens the database, of which bbolt then reads the meta pages
// only, and verifies the rest while it holds the lock that keeps writers out.
func openForReading(path string, deadline time.Time) (db *bbolt.DB, err error) {
	var file *os.File
	o := options(deadline, &file)
	o.ReadOnly = true
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, o)
		return err
	})
	if err != nil {
		// Except for the lock, what is not the system's error is about the content.
		if _, system := errors.AsType[syscall.Errno](err); system || errors.Is(err, berrors.ErrTimeout) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err := verify(file); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// options returns how to open a database; the open file is stored in *file unless that is nil.
func options(deadline time.Time, file **os.File) *bbolt.Options {
	return &bbolt.Options{
		Timeout:      max(time.Until(deadline), time.Millisecond), // 0 would be for ever
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			if err != nil {
				return nil, err
			}
			if info, err := f.Stat(); err == nil && info.Mode().Perm()&^mode != 0 {
				_ = f.Chmod(info.Mode().Perm() & mode) // an older file may be wider; where this is not allowed, it is not ours to narrow
			}
			if file != nil {
				*file = f
			}
			return f, nil
		},
	}
}

// ReadOnly reports whether nothing can be written; then what was approved
// before still counts, and approving more is an *Error.
func (s *Store) ReadOnly() bool { return s.readOnly }

// prepare checks what is in the file, and makes the buckets of a new one.
func (s *Store) prepare() error {
	empty := true
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.ForEach(func([]byte, *bbolt.Bucket) error { empty = false; return nil })
	})
	if err != nil {
		return err
	}
	if empty {
		return s.update(create)
	}
	return s.view(check)
}

func create(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketApprovals, bucketDecisions} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(schema)))
}

// check makes sure that the file is ours, and reads every approval.
func check(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("%w: no schema version", errDamaged)
	}
	version, err := strconv.Atoi(string(meta.Get(keySchema)))
	if err != nil || version < 1 {
		return fmt.Errorf("%w: schema version %q", errDamaged, meta.Get(keySchema))
	}
	if version > schema {
		return fmt.Errorf("%w %d", errNewer, version)
	}
	for _, name := range [][]byte{bucketApprovals, bucketDecisions} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: no bucket %s", errDamaged, name)
		}
	}
	if _, err = readApprovals(tx); err != nil {
		return err
	}
	_, _, err = readTools(tx)
	return err
}

// Close closes the file.
func (s *Store) Close() error { return explain(s.path, guarded(s.db.Close)) }

func (s *Store) view(fn func(*bbolt.Tx) error) error {
	return explain(s.path, guarded(func() error { return s.db.View(fn) }))
}

func (s *Store) update(fn func(*bbolt.Tx) error) error {
	return explain(s.path, guarded(func() error { return s.db.Update(fn) }))
}

// Guarded runs fn on a database of OpenFile. It returns an *Error, also where the disk
// fails, or somebody else changes the file, while it is in use.
func Guarded(path string, fn func() error) error { return explain(path, guarded(fn)) }

// guarded runs fn and makes an error of what happens when the disk fails, or the
// file is changed by somebody else, while bbolt has it mapped: a fault or a panic.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	return fn()
}
