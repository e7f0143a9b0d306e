//go:build unix

package config

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOddPlaces puts everything but a file where the configuration should be:
// no read waits, and each answer is worded.
func TestOddPlaces(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(syscall.Mkfifo(at("pipe"), 0o600), os.Mkdir(at("folder"), 0o700),
		os.Symlink("loop", at("loop")), os.Symlink("nowhere", at("dangling"))); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	write(t, at("file"), Default())
	for path, want := range map[string]string{
		at("folder"):                     "This is not a file but a folder.",
		at("pipe"):                       "This is not a file but a pipe.",
		at("socket"):                     "This is not a file but a socket.",
		"/dev/null":                      "This is not a file but a device.",
		at("loop"):                       "The file is a link that leads back to itself.",
		at("dangling"):                   "There is no such file.",
		at("file/config.json"):           "There is no such file: a part of its path is a file, not a folder.",
		at(strings.Repeat("long", 1000)): "The path of the file is too long.",
	} {
		done := make(chan error, 1)
		go func() {
			_, err := Open(path).Load()
			done <- err
		}()
		select {
		case err := <-done:
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Text != want || e.Hint == "" {
				t.Errorf("%.80s: %v, want %s", path, err, want)
			}
		case <-time.After(patience):
			t.Fatalf("reading %.80s does not end", path)
		}
		if err := Open(path).SetEnabled("demo", false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("edit of %.80s: %v", path, err)
		}
	}
}

// TestDirsThatAreNoFolders names the path that is in the way.
func TestDirsThatAreNoFolders(t *testing.T) {
	for what, put := range map[string]func(path string) error{
		"file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link": func(path string) error { return os.Symlink("nowhere", path) },
	} {
		base := t.TempDir()
		for _, d := range []Dirs{
			{Config: "there", Data: "ok", Logs: "ok"}, {Config: "ok", Data: "there", Logs: "ok"},
			{Config: "ok", Data: "ok", Logs: "there"}, {Config: "ok", Data: "there/below", Logs: "ok"},
		} {
			path := filepath.Join(base, "there")
			os.Remove(path)
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			err := Dirs{filepath.Join(base, d.Config), filepath.Join(base, d.Data), filepath.Join(base, d.Logs)}.Make()
			wantError(t, what, err, ErrReadOnly)
			if e, _ := errors.AsType[*Error](err); e != nil && (!strings.Contains(e.Text, path) || strings.HasSuffix(e.Text, "cannot be created.")) {
				t.Errorf("%s at %v: %s", what, d, e.Text)
			}
		}
	}
}

// TestReplaceKeepsOwner: as an administrator, who could take a file over.
func TestReplaceKeepsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, Default())
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 65534, 65533); err != nil {
			t.Fatal(err)
		}
	}
	owner := func() (uint32, uint32, fs.FileMode) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		return st.Uid, st.Gid, info.Mode()
	}
	uid, gid, mode := owner()
	if err := Open(path).SetEnabled("demo", false); err != nil {
		t.Fatal(err)
	}
	if u, g, m := owner(); u != uid || g != gid || m != mode {
		t.Errorf("owner %d:%d %v became %d:%d %v", uid, gid, mode, u, g, m)
	}
}
