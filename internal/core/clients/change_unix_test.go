//go:build unix

package clients

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeepsModeAndLinks: the file stays what it is, and a copy is kept for the user alone.
func TestKeepsModeAndLinks(t *testing.T) {
	u, c := testUser(t), client(t, "cursor")
	real := u.put(t, "$HOME/dotfiles/cursor.json", "{}\n")
	link := u.put(t, "$HOME/.cursor/mcp.json", "")
	if err := errors.Join(os.Remove(link), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	change, err := u.Connect(c, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := u.Apply(change)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, copied); got != "{}\n" || filepath.Dir(copied) != u.Dir {
		t.Errorf("the copy %s has %q", copied, got)
	}
	for path, want := range map[string]fs.FileMode{copied: 0o600, real: 0o640, filepath.Join(u.Dir, "connected.json"): 0o600, u.Dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %v", path, info.Mode(), err, want)
		}
	}
	if target, err := os.Readlink(link); err != nil || target != real || !strings.Contains(content(t, real), "s3cret") {
		t.Errorf("the link leads to %q: %v", target, err)
	}
	if err := os.Chmod(real, 0o400); err != nil {
		t.Fatal(err)
	}
	off, err := u.Disconnect(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Apply(off); err == nil || !strings.Contains(err.Error(), "write-protected") {
		t.Errorf("Apply to a protected file = %v", err)
	}
	if err := os.Chmod(real, 0o640); err != nil {
		t.Fatal(err)
	}
	u.disconnect(t, c)
	if got := content(t, real); got != "{}\n" {
		t.Errorf("after disconnecting: %q", got)
	}
}
