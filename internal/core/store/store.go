package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// schema is the version of the file's layout, stored under meta/schema.
//
//	approvals    server NUL launch id → record
//	decisions    sequence → decision, never deleted
//	transitions  one bucket per server: sequence → transition, the newest 1,000
const schema = 1

var (
	bucketMeta        = []byte("meta")
	bucketApprovals   = []byte("approvals")
	bucketDecisions   = []byte("decisions")
	bucketTransitions = []byte("transitions")
	keySchema         = []byte("schema")
)

// A Store is an open database file. Use Open to make one, and Close it.
type Store struct {
	db       *bbolt.DB
	path     string
	readOnly bool
	log      *slog.Logger
	wake     chan struct{} // one slot: pending is not empty

	mu      sync.Mutex
	pending []Transition // not on disk yet, oldest first
	dropped uint64       // transitions lost because pending was full
}

// lockTimeout is how long Open waits for another process to let go of the file:
// long enough for a predecessor that is just closing.
const lockTimeout = time.Second

// minSize is the size in bytes of two of bbolt's smallest usual pages: less is no database.
const minSize = 2 * 4096

// Open opens the database file, or makes one with mode 0600. It waits at most
// one second for another process, reads the whole file once to be sure of it,
// and returns an *Error. A file that is there but cannot be written is opened
// for reading; ReadOnly tells. A nil logger discards.
func Open(path string, logger *slog.Logger) (*Store, error) {
	// A FIFO would block the open, and a directory gives an obscure error.
	info, err := os.Stat(path)
	if err == nil {
		if !info.Mode().IsRegular() {
			return nil, explain(path, fmt.Errorf("open %s: %w", info.Mode().Type(), syscall.EISDIR))
		}
		if size := info.Size(); size > 0 && size < minSize {
			return nil, explain(path, fmt.Errorf("%w: %d bytes", errDamaged, size))
		}
	}
	log := cmp.Or(logger, slog.New(slog.DiscardHandler)).With("component", "store")
	db, openErr := openFile(path, false)
	readOnly := false
	if e, ok := errors.AsType[*Error](openErr); ok && e.Code == ReadOnly && err == nil && info.Size() > 0 {
		readOnly = true
		db, openErr = openFile(path, true)
	}
	if openErr != nil {
		return nil, openErr
	}
	s := &Store{db: db, path: path, readOnly: readOnly, wake: make(chan struct{}, 1), log: log}
	if err := s.prepare(); err != nil {
		_ = guarded(db.Close)
		return nil, explain(path, err)
	}
	return s, nil
}

// openFile opens the database and returns an *Error.
func openFile(path string, readOnly bool) (*bbolt.DB, error) {
	var file *os.File
	var db *bbolt.DB
	err := guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:      lockTimeout,
			FreelistType: bbolt.FreelistMapType,
			ReadOnly:     readOnly,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				f, err := os.OpenFile(name, flag, mode)
				if err == nil {
					file = f
					_ = f.Chmod(mode) // an older file may be wider; where this is not allowed, it is not ours to narrow
				}
				return f, err
			},
		})
		return err
	})
	if err != nil {
		if file != nil {
			unlock(file) // bbolt may have panicked and left it open; doing this twice does no harm
			_ = file.Close()
		}
		return nil, explain(path, err)
	}
	return db, nil
}

// ReadOnly reports whether nothing can be written; then what was approved
// before still counts, and approving more is an *Error.
func (s *Store) ReadOnly() bool { return s.readOnly }

// prepare checks what is in the file, and makes the buckets of a new one.
func (s *Store) prepare() error {
	if err := verify(s.path); err != nil {
		return err
	}
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
	for _, name := range [][]byte{bucketMeta, bucketApprovals, bucketDecisions, bucketTransitions} {
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
	for _, name := range [][]byte{bucketApprovals, bucketDecisions, bucketTransitions} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: no bucket %s", errDamaged, name)
		}
	}
	_, err = readApprovals(tx)
	return err
}

// Close writes what is still queued and closes the file.
func (s *Store) Close() error {
	err := s.flush()
	return errors.Join(err, explain(s.path, guarded(s.db.Close)))
}

func (s *Store) view(fn func(*bbolt.Tx) error) error {
	return explain(s.path, guarded(func() error { return s.db.View(fn) }))
}

func (s *Store) update(fn func(*bbolt.Tx) error) error {
	return explain(s.path, guarded(func() error { return s.db.Update(fn) }))
}

// guarded runs fn and makes an error of what bbolt does with a damaged file: it
// panics, or it follows a wrong offset out of the mapping.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	return fn()
}
