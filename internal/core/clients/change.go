package clients

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/keep"
)

// A User is whose clients these are.
type User struct {
	Home      string                      // the home folder
	Env       func(string) (string, bool) // the environment
	Dir       string                      // our folder for copies and for what was there; made when needed
	Self      string                      // the path of this program; may be empty
	Addresses []string                    // where we listen, as "127.0.0.1:7420"
}

// A Change is what would be written to a client's file.
type Change struct {
	Client Client
	Path   string
	Before []byte // what the file has; nil if it is not there
	After  []byte // what it would have; nil if it would be removed
	Note   string // why there is nothing to write; then Before and After are equal

	memory *memory // to be remembered; nil: to be forgotten
}

// Empty reports whether there is nothing to write.
func (c *Change) Empty() bool {
	return (c.Before == nil) == (c.After == nil) && bytes.Equal(c.Before, c.After)
}

// A memory is what a client's file had where our entry is now.
type memory struct {
	Path     string    `json:"path"`
	Time     time.Time `json:"time"`
	Copy     string    `json:"copy,omitempty"`     // of the whole file, for the user
	Created  bool      `json:"created,omitempty"`  // there was no file
	Before   string    `json:"before"`             // the part that differs, as it was
	After    string    `json:"after"`              // and as it was written
	Previous string    `json:"previous,omitempty"` // the entry that had our name
}

func (u User) memories() *keep.Value[map[string]memory] {
	return keep.Open[map[string]memory](filepath.Join(u.Dir, "connected.json"))
}

func (u User) folders() *strings.Replacer { return folders(u.Home, u.Env) }

// read returns a client's file; nil if it is not there.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return nil, &config.Error{Path: path, Text: "The file is a link that leads nowhere.", Hint: "Remove the link, or make the file it leads to."}
		}
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, &config.Error{Path: path, Text: "This is not a file.", Hint: "Move away what is at " + path + "."}
	}
	if err == nil && info.Size() > maxBytes {
		return nil, &config.Error{Path: path, Text: "The file is larger than 64 MB.", Hint: "Edit it by hand."}
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, &config.Error{Path: path, Text: "The file cannot be read.", Hint: "Check the permissions of " + path + "."}
	}
	return append([]byte{}, text...), nil // never nil
}

// Apply writes a change. It refuses if the file is not what the change was made from any
// more. A copy of the file is kept first; its path is returned, empty if there was no file.
func (u User) Apply(c *Change) (copied string, err error) {
	now, err := read(c.Path)
	if err != nil {
		return "", err
	}
	if (now == nil) != (c.Before == nil) || !bytes.Equal(now, c.Before) {
		return "", &config.Error{Path: c.Path, Text: "The file was changed meanwhile; nothing was written.", Hint: "Look at the difference again."}
	}
	if err := makeFolder(u.Dir); err != nil {
		return "", err
	}
	if c.Before != nil {
		if copied, err = u.copy(c); err != nil {
			return "", err
		}
	}
	old, had := u.memories().Load()[c.Client.ID]
	if c.memory != nil { // first: what is not remembered cannot be undone
		c.memory.Copy = copied
		if err := u.remember(c.Client.ID, c.memory); err != nil {
			return "", err
		}
	}
	err = c.write()
	switch {
	case err == nil && c.memory == nil, err != nil && !had:
		return copied, errors.Join(err, u.remember(c.Client.ID, nil))
	case err != nil:
		return copied, errors.Join(err, u.remember(c.Client.ID, &old))
	}
	return copied, nil
}

// makeFolder makes our folder, for the user alone.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &config.Error{Path: dir, Text: "The folder for copies cannot be made.", Hint: "Check the permissions of the folder it is in."}
	}
	return nil
}

// copy keeps what a file had, for the user alone.
func (u User) copy(c *Change) (string, error) {
	stamp := time.Now().Format("20060102-150405.000000")
	path := filepath.Join(u.Dir, c.Client.ID+"-"+stamp+"-"+strings.TrimPrefix(filepath.Base(c.Path), "."))
	if err := config.Create(path, c.Before); err != nil {
		return "", err
	}
	old, _ := filepath.Glob(filepath.Join(u.Dir, c.Client.ID+"-[0-9]*")) // an odd folder name only means that nothing is found
	slices.Sort(old)                                                     // the oldest first
	for _, path := range old[:max(0, len(old)-maxCopies)] {
		_ = os.Remove(path) // tried again after the next copy
	}
	return path, nil
}

// maxCopies is how many copies of a client's files are kept: who looks for an older one has
// changed his mind ten times.
const maxCopies = 10

// remember notes what a client's file had; nil forgets it.
func (u User) remember(id string, m *memory) error {
	return u.memories().Change(func(all map[string]memory) (map[string]memory, bool) {
		next := map[string]memory{}
		maps.Copy(next, all)
		delete(next, id)
		if m != nil {
			next[id] = *m
		}
		return next, true
	})
}

func (c *Change) write() error {
	switch {
	case c.After == nil:
		if err := os.Remove(c.Path); err != nil {
			return &config.Error{Path: c.Path, Text: "The file cannot be removed.", Hint: "Check the permissions of its folder."}
		}
		return nil
	case c.Before == nil:
		if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
			return &config.Error{Path: c.Path, Text: "The folder of the file cannot be made.", Hint: "Check the permissions of the folder it is in."}
		}
		return config.Create(c.Path, c.After)
	}
	err := config.Replace(c.Path, c.Before, c.After)
	if errors.Is(err, config.ErrBusy) {
		return &config.Error{Path: c.Path, Text: "The file was changed meanwhile; nothing was written.", Hint: "Look at the difference again."}
	}
	return err
}
