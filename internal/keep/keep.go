// Package keep remembers a small value in a JSON file over restarts. It is not
// for the configuration, which people write, nor for what grows.
//
// A Value may be used concurrently. Reading never waits for the disk; changes
// are made one after the other.
package keep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// maxBytes is the largest file that is read: such values are a few kilobytes.
const maxBytes = 1 << 20

// A Value is a T in a file. T must be what JSON can hold; what is read must not
// be changed. Use Open to make one.
type Value[T any] struct {
	path    string
	damaged string // where the file is now that was not understood
	cur     atomic.Pointer[state[T]]
	mu      sync.Mutex // serialises changes; held while the file is written, which no reader waits for
}

type state[T any] struct {
	value   T
	changed chan struct{}
}

// Open returns the value in the file at path, or the zero value if there is no such
// file, or none that can be read. One that cannot be understood is kept beside it, as
// path.damaged.
func Open[T any](path string) *Value[T] {
	v := &Value[T]{path: path}
	var value T
	content, err := read(path)
	if err == nil && json.Unmarshal(content, &value) != nil {
		value = *new(T) // not half of it
		v.damaged = path
		if os.Rename(path, path+".damaged") == nil {
			v.damaged = path + ".damaged"
		}
	}
	v.cur.Store(&state[T]{value, make(chan struct{})})
	return v
}

func read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, os.ErrInvalid) // opening a pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes))
}

// Damaged returns where the file is now that could not be understood when the value was
// opened; empty if there was none.
func (v *Value[T]) Damaged() string { return v.damaged }

// Load returns the value.
func (v *Value[T]) Load() T { return v.cur.Load().value }

// Changed is closed when the value changes next. Who asks for it before Load
// misses nothing.
func (v *Value[T]) Changed() <-chan struct{} { return v.cur.Load().changed }

// Change puts what fn makes of the value in its place and writes it to the file,
// in one step: after a crash the file is the old or the new one. fn must leave
// its argument alone and report whether it changed anything. With an error,
// which is worded for people, the new value holds, but not after a restart.
func (v *Value[T]) Change(fn func(T) (T, bool)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	was := v.cur.Load()
	value, changed := fn(was.value)
	if !changed {
		return nil
	}
	v.cur.Store(&state[T]{value, make(chan struct{})})
	close(was.changed)
	content, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("keep: %T is not for JSON: %v", value, err))
	}
	if err := replace(v.path, append(content, '\n')); err != nil {
		return &UnsavedError{v.path, err}
	}
	return nil
}

// replace writes a file that only this user can read.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*.tmp") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// An UnsavedError says that a change holds only until the program ends.
type UnsavedError struct {
	Path string
	err  error
}

func (e *UnsavedError) Error() string {
	return "it holds until the program ends: " + e.Path + " cannot be written"
}

// Unwrap returns why, for the log.
func (e *UnsavedError) Unwrap() error { return e.err }
