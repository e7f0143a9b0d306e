package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A disk is what saving a file asks of the operating system, step by step.
type disk struct {
	createTemp func(dir, pattern string) (*os.File, error)
	chmod      func(*os.File, fs.FileMode) error
	write      func(*os.File, []byte) (int, error)
	sync       func(*os.File) error
	close      func(*os.File) error
	rename     func(from, to string) error
	link       func(from, to string) error
	syncDir    func(dir string) error
}

func systemDisk() disk {
	return disk{os.CreateTemp, (*os.File).Chmod, (*os.File).Write, (*os.File).Sync, (*os.File).Close, rename, os.Link, syncDir}
}

// replace puts next in place of old at path, in one step: after a crash at any
// moment the file is the one or the other. Links are followed and stay, mode
// and owner too. It is ErrBusy if the content is not old any more. Between the
// last look and the rename lie microseconds, which no portable system call
// closes.
func (d disk) replace(path string, old, next []byte) *Error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return readError(path, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return readError(path, err)
	}
	if info.Mode().Perm()&0o200 == 0 {
		return &Error{Path: path, Text: "The file is write-protected.", Hint: "Make it writable, or edit it by hand.", cause: ErrReadOnly}
	}
	sweep(filepath.Dir(target))
	temp, err := d.writeTemp(filepath.Dir(target), next, info)
	if err != nil {
		return writeError(path, "The file cannot be saved", err)
	}
	defer os.Remove(temp) // gone after the rename
	if now, err := readFile(target); err != nil || !bytes.Equal(now, old) {
		return &Error{Path: path, Text: "The file was changed meanwhile.", cause: ErrBusy}
	}
	if err := d.rename(temp, target); err != nil {
		return writeError(path, "The file cannot be saved", err)
	}
	if err := d.syncDir(filepath.Dir(target)); err != nil {
		return writeError(path, "The file was saved but may not survive a power failure", err)
	}
	return nil
}

const tempPattern = ".mcpproxy-tray-*.tmp"

// sweep removes what a save left in dir that was killed before its rename. A
// save takes moments; an hour is no longer one of another process.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, tempPattern)) // an odd folder name only means that nothing is found
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(path) // tried again by the next save
		}
	}
}

// writeTemp writes a new file with the mode and, if possible, the owner of like.
func (d disk) writeTemp(dir string, content []byte, like os.FileInfo) (path string, err error) {
	file, err := d.createTemp(dir, tempPattern)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	mode := fs.FileMode(0o600)
	if like != nil {
		keepOwner(file, like)
		mode = like.Mode().Perm()
	}
	err = d.chmod(file, mode)
	if err == nil {
		_, err = d.write(file, content)
	}
	if err == nil {
		err = d.sync(file)
	}
	return file.Name(), errors.Join(err, d.close(file))
}

// Replace puts next in place of old at path, in one step: after a crash at any moment the
// file is the one or the other. Links are followed and stay, mode and owner too. It is
// ErrBusy, and nothing changes, if the content is not old any more.
func Replace(path string, old, next []byte) error {
	if err := systemDisk().replace(path, old, next); err != nil {
		return err
	}
	return nil
}

// Create writes a new file that only this user can read. It is ErrExists, and
// nothing changes, if there is anything at path.
func Create(path string, content []byte) error {
	return systemDisk().create(path, content)
}

func (d disk) create(path string, content []byte) error {
	fail := func(err error) error { return writeError(path, "The file cannot be created", err) }
	dir := filepath.Dir(path)
	temp, err := d.writeTemp(dir, content, nil)
	if err != nil {
		return fail(err)
	}
	defer os.Remove(temp)
	err = d.link(temp, path) // unlike a rename it never replaces anything
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = d.createPlainly(path, content) // a file system without links
	}
	if errors.Is(err, fs.ErrExist) {
		return &Error{Path: path, Text: "There is a file already.", Hint: "Edit it, or move it away first.", cause: ErrExists}
	}
	if err != nil {
		return fail(err)
	}
	if err := d.syncDir(dir); err != nil {
		return fail(err)
	}
	return nil
}

// createPlainly writes a new file in place, and takes it away again if it cannot be completed.
func (d disk) createPlainly(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = d.write(file, content)
	if err == nil {
		err = d.sync(file)
	}
	if err = errors.Join(err, d.close(file)); err != nil {
		os.Remove(path)
	}
	return err
}
