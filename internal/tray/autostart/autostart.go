// Package autostart has a program start when its user logs in: by an XDG autostart
// entry, the user's Run key of the registry, or a launch agent. It is not for
// services that run without a user.
//
// The methods of a Login may be called concurrently; Enabled does no I/O.
package autostart

import (
	"errors"
	"sync"
	"sync/atomic"
)

// A Login starts one program when its user logs in, or does not. Use New to make one.
type Login struct {
	entry   entry
	content string
	enabled atomic.Bool
	mu      sync.Mutex // serialises changes; held during their I/O, which no reader waits for
}

// An entry is where the desktop looks for programs to start.
type entry interface {
	// enabled reports whether there is an entry that the desktop obeys.
	enabled() bool
	write(content string) error
	remove() error // nil if there is none
	String() string
}

// New returns the start at login of the program at a path, as it is now. It is an
// error, worded for people, if there is no way to have it start.
func New(program string) (*Login, error) {
	e, content, err := here(program)
	if err != nil {
		return nil, err
	}
	return newLogin(e, content), nil
}

func newLogin(e entry, content string) *Login {
	l := &Login{entry: e, content: content}
	l.enabled.Store(e.enabled())
	return l
}

// Enabled reports whether the program starts at login, as far as this Login knows.
func (l *Login) Enabled() bool { return l.enabled.Load() }

// SetEnabled has the program start at login, or no longer. Errors are worded for people.
func (l *Login) SetEnabled(on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if on {
		err = l.entry.write(l.content)
	} else {
		err = l.entry.remove()
	}
	if err != nil {
		return &Error{l.entry.String(), err}
	}
	l.enabled.Store(on)
	return nil
}

// An Error says what cannot be changed.
type Error struct {
	Where string
	err   error
}

func (e *Error) Error() string { return e.Where + " cannot be changed" }

// Unwrap returns why, for the log.
func (e *Error) Unwrap() error { return e.err }

// errPath is a path that no entry can hold.
var errPath = errors.New("the path of the program contains a line break, so it cannot be started at login")
