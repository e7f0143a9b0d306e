package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"
)

// An Error says why the store cannot be opened or written, worded for people.
type Error struct {
	Code string // stable, e.g. Locked
	Text string // one sentence
	Hint string // what to do next
	Path string // the database file
	Err  error  // the cause, for the log
}

// The codes of an Error.
const (
	Locked     = "MPT-STORE-LOCKED"     // another process has it open
	ReadOnly   = "MPT-STORE-READONLY"   // the file or its directory cannot be written
	Missing    = "MPT-STORE-MISSING"    // the directory does not exist
	Full       = "MPT-STORE-FULL"       // no space on the disk
	NotFile    = "MPT-STORE-NOT-A-FILE" // a directory, FIFO or device is in its place
	Damaged    = "MPT-STORE-DAMAGED"    // not a database, or one that cannot be trusted
	Newer      = "MPT-STORE-NEWER"      // written by a later version of the program
	Unwritable = "MPT-STORE-FAILED"     // anything else
)

// Error returns the sentence for people and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return fmt.Sprintf("%s: %v", e.Text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errDamaged is the cause where the file's content is wrong.
var errDamaged = errors.New("damaged database")

// errNewer is the cause where the schema is of a later version.
var errNewer = errors.New("unknown schema version")

// explain words an error for people. It returns nil for nil and an *Error unchanged.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Path: path, Err: err}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		e.Code, e.Text = Locked, fmt.Sprintf("The database %s is in use by another process.", path)
		e.Hint = "Another mcpproxy-tray may be running with the same data directory. Quit it, then start again."
	case writeRefused(err):
		e.Code, e.Text = ReadOnly, fmt.Sprintf("The database %s cannot be written.", path)
		e.Hint = "Make the file and its directory writable for your user, then start again."
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Text = Missing, fmt.Sprintf("The directory of the database %s does not exist.", path)
		e.Hint = "Create it, then start again."
	case errors.Is(err, syscall.ENOSPC):
		e.Code, e.Text = Full, fmt.Sprintf("There is no space left for the database %s.", path)
		e.Hint = "Free some space on that disk, then try again."
	case errors.Is(err, syscall.EISDIR):
		e.Code, e.Text = NotFile, fmt.Sprintf("%s is not a file.", path)
		e.Hint = "Move it away, then start again."
	case errors.Is(err, errNewer):
		e.Code, e.Text = Newer, fmt.Sprintf("The database %s was written by a newer mcpproxy-tray.", path)
		e.Hint = "Install that version again, or move the file away; then every server asks for approval once more."
	case errors.Is(err, errDamaged):
		e.Code, e.Text = Damaged, fmt.Sprintf("The database %s is damaged or not a database.", path)
		e.Hint = "Move it away and start again; then every server asks for approval once more."
	default:
		e.Code, e.Text = Unwritable, fmt.Sprintf("The database %s cannot be used.", path)
		e.Hint = "The log has the reason."
	}
	return e
}

// writeRefused reports whether the cause is that the file must not be written.
func writeRefused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, berrors.ErrDatabaseReadOnly)
}
