package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile puts next in place of old at path, in one step: after a crash at
// any moment the file is the one or the other. Links are followed and stay,
// mode and owner too. It is ErrBusy if the content is not old any more.
// Between the last look and the rename lie microseconds, which no portable
// system call closes.
func replaceFile(path string, old, next []byte) *Error {
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
	temp, err := writeTemp(filepath.Dir(target), next, info)
	if err != nil {
		return writeError(path, "The file cannot be saved", err)
	}
	defer os.Remove(temp) // gone after the rename
	if now, err := readFile(target); err != nil || !bytes.Equal(now, old) {
		return &Error{Path: path, Text: "The file was changed meanwhile.", cause: ErrBusy}
	}
	if err := rename(temp, target); err != nil {
		return writeError(path, "The file cannot be saved", err)
	}
	if err := syncDir(filepath.Dir(target)); err != nil {
		return writeError(path, "The file was saved but may not survive a power failure", err)
	}
	return nil
}

// writeTemp writes a new file with the mode and, if possible, the owner of like.
func writeTemp(dir string, content []byte, like os.FileInfo) (path string, err error) {
	file, err := os.CreateTemp(dir, ".mcpproxy-tray-*.tmp")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	err = file.Chmod(0o600)
	if like != nil {
		keepOwner(file, like)
		err = file.Chmod(like.Mode().Perm())
	}
	_, writeErr := file.Write(content)
	err = errors.Join(err, writeErr, file.Sync())
	return file.Name(), errors.Join(err, file.Close())
}

// Create writes a new file that only this user can read. It is ErrExists, and
// nothing changes, if there is anything at path.
func Create(path string, content []byte) error {
	fail := func(err error) error { return writeError(path, "The file cannot be created", err) }
	dir := filepath.Dir(path)
	temp, err := writeTemp(dir, content, nil)
	if err != nil {
		return fail(err)
	}
	defer os.Remove(temp)
	err = os.Link(temp, path) // unlike a rename it never replaces anything
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = createPlainly(path, content) // a file system without links
	}
	if errors.Is(err, fs.ErrExist) {
		return &Error{Path: path, Text: "There is a file already.", Hint: "Edit it, or move it away first.", cause: ErrExists}
	}
	if err != nil {
		return fail(err)
	}
	if err := syncDir(dir); err != nil {
		return fail(err)
	}
	return nil
}

func createPlainly(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}
