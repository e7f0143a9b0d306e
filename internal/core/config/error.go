package config

import (
	"errors"
	"path/filepath"
	"strconv"
)

// What an edit or a read can end with, for callers that branch on it. The
// errors returned are of type *Error and match these with errors.Is.
var (
	ErrInvalid       = errors.New("config: not valid")               // the file or an entry in it is wrong
	ErrUnknownServer = errors.New("config: no such server")          // SetEnabled, Remove
	ErrExists        = errors.New("config: exists already")          // Add, Create
	ErrReadOnly      = errors.New("config: cannot be written")       // permissions, file system or full disk
	ErrBusy          = errors.New("config: changed by someone else") // every attempt met a newer file
)

// An Error says for people what is wrong with the configuration and where.
type Error struct {
	Path   string // the file; empty when bytes were parsed
	Line   int    // counted from 1; 0 when no place in the file is to blame
	Column int    // counted from 1 in characters; 0 together with Line
	Server string // the server it is about, made safe to show; empty if none
	Text   string // one sentence
	Hint   string // what to do about it; may be empty

	cause error // matches by errors.Is, never shown
}

// Error returns "config.json:12:5: text". The hint is not part of it.
func (e *Error) Error() string {
	at := ""
	if e.Path != "" {
		at = filepath.Base(e.Path) + ":"
	}
	if e.Line > 0 {
		at += strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column) + ":"
	}
	if at != "" {
		at += " "
	}
	return at + e.Text
}

// Unwrap returns what errors.Is should find: one of this package's sentinels,
// or the operating system's error.
func (e *Error) Unwrap() error { return e.cause }

// same reports whether both say the same of the same place.
func (e *Error) same(o *Error) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.Path == o.Path && e.Line == o.Line && e.Column == o.Column &&
		e.Server == o.Server && e.Text == o.Text && e.Hint == o.Hint
}
