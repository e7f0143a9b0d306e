package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A file is an entry in a file of its own.
type file struct {
	path string
	off  []string // lines with which the desktop ignores it
}

func (f file) String() string { return f.path }

func (f file) enabled() bool {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(content)) {
		for _, off := range f.off {
			if strings.EqualFold(strings.Join(strings.Fields(line), ""), off) {
				return false
			}
		}
	}
	return true
}

// write replaces the file in one step, so that a login never sees half of it.
func (f file) write(content string) error {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".mcpproxy-tray-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone after the rename
	_, err = temp.WriteString(content)
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.path)
}

func (f file) remove() error {
	if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
