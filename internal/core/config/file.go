package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// editAttempts is how often an edit is tried again on newer content.
const editAttempts = 5

// A File is a configuration file at a path. Its methods may be called by
// several goroutines; edits run one after the other.
type File struct {
	path   string
	edited chan struct{} // one slot: this File wrote its file
	disk   disk

	mu sync.Mutex // serialises edits; held during their I/O, which nothing else waits for
}

// Open returns the file at path, which need not exist. It does no I/O.
func Open(path string) *File {
	return &File{path: path, edited: make(chan struct{}, 1), disk: systemDisk()}
}

// Path returns where the file is, as given to Open.
func (f *File) Path() string { return f.path }

// Load reads and understands the file. Errors are of type *Error; a missing
// file matches fs.ErrNotExist.
func (f *File) Load() (*Config, error) {
	content, err := readFile(f.path)
	if err != nil {
		return nil, err
	}
	cfg, err := parse(f.path, content)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// SetEnabled switches a server on or off: it sets "enabled" or "disabled" if
// the entry has one, and adds one line otherwise.
func (f *File) SetEnabled(name string, on bool) error {
	return f.edit(name, switchTo(name, on))
}

// Add writes a new server at the end. The entry must be a valid JSON object.
func (f *File) Add(name string, entry json.RawMessage) error {
	if err := checkNew(name, entry); err != nil {
		return err // it is not the file's fault
	}
	return f.edit(name, with(name, bytes.Clone(entry)))
}

// Remove takes a server's entry out of the file; comments around it stay.
func (f *File) Remove(name string) error {
	return f.edit(name, without(name))
}

// edit applies e to the present content. If somebody else saves meanwhile, it
// starts again from what they saved.
func (f *File) edit(server string, e edit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range editAttempts {
		err := f.editOnce(server, e)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrBusy) {
			return err
		}
	}
	return &Error{Path: f.path, Server: shownName(server), Text: "Another program keeps changing the file; nothing was changed.",
		Hint: "Try again.", cause: ErrBusy}
}

func (f *File) editOnce(server string, e edit) *Error {
	content, err := readFile(f.path)
	if err != nil {
		return err
	}
	changed, err := e.apply(f.path, content, server)
	if err != nil {
		return err
	}
	if bytes.Equal(changed, content) {
		return nil
	}
	if err := f.disk.replace(f.path, content, changed); err != nil {
		return err
	}
	select {
	case f.edited <- struct{}{}:
	default:
	}
	return nil
}

// readFile reads a configuration file, which must be a regular one of a sensible size.
func readFile(path string) ([]byte, *Error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe would wait
	if err != nil {
		return nil, readError(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{Path: path, Text: "This is not a file but " + placeKind(info.Mode()) + ".", Hint: "Give the path of a file.", cause: ErrInvalid}
	}
	const most = maxBytes + 4 // more than a mark too much: Parse refuses it
	if info.Size() >= most {
		return nil, tooLarge(path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, readError(path, err)
	}
	defer file.Close()
	var content bytes.Buffer
	content.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := content.ReadFrom(io.LimitReader(file, most)); err != nil {
		return nil, readError(path, err)
	}
	return content.Bytes(), nil
}

func tooLarge(path string) *Error {
	return &Error{Path: path, Text: "The file is larger than 64 MB.", Hint: "Is it the right file?", cause: ErrInvalid}
}

// placeKind names what is in the place of a file.
func placeKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

func readError(path string, err error) *Error {
	e := &Error{Path: path, Text: "The file cannot be read.", Hint: "Check the disk and try again.", cause: err}
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		e.Text, e.Hint = "There is no such file: a part of its path is a file, not a folder.", "Correct the path, or move that file away."
	case errors.Is(err, fs.ErrNotExist):
		e.Text, e.Hint = "There is no such file.", "Create it, or start mcpproxy-tray with another --config."
	case errors.Is(err, fs.ErrPermission):
		e.Text, e.Hint = "This user may not read the file.", "Change its owner or its permissions."
	case errors.Is(err, syscall.ELOOP):
		e.Text, e.Hint = "The file is a link that leads back to itself.", "Make the link point to a file."
	case errors.Is(err, syscall.ENAMETOOLONG):
		e.Text, e.Hint = "The path of the file is too long.", "Use another place."
	}
	return e
}

// writeError completes the sentence about what cannot be done.
func writeError(path, what string, err error) *Error {
	e := &Error{Path: path, Text: what + ".", Hint: "Check the disk and try again.", cause: errors.Join(ErrReadOnly, err)}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Text, e.Hint = what+": this user may not write there.", "Change the owner or the permissions of the folder."
	case errors.Is(err, syscall.EROFS):
		e.Text, e.Hint = what+": it is on a read-only file system.", "Make it writable, or use another place."
	case errors.Is(err, syscall.ENOSPC):
		e.Text, e.Hint = what+": the disk is full.", "Free some space and try again."
	case errors.Is(err, syscall.EDQUOT):
		e.Text, e.Hint = what+": your share of the disk is used up.", "Free some space and try again."
	case errors.Is(err, syscall.EBUSY):
		e.Text, e.Hint = what+": it is mounted by itself, as files of containers are.", "Mount the folder it is in instead."
	case errors.Is(err, fs.ErrNotExist):
		e.Text, e.Hint = what+": its folder does not exist.", "Create the folder, or use another place."
	case errors.Is(err, syscall.ENOTDIR):
		e.Text, e.Hint = what+": a part of its path is a file.", "Move that file away, or use another place."
	case errors.Is(err, fs.ErrExist):
		e.Text, e.Hint = what+": a link that leads nowhere is in its place.", "Remove the link, or use another place."
	}
	return e
}
