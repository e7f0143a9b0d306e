package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcpproxy-tray.db")
	check := func(what, code string) {
		t.Helper()
		err := Check(path)
		if e, ok := errors.AsType[*Error](err); (err != nil || code != "") && (!ok || e.Code != code) {
			t.Errorf("Check of %s = %v, want code %q", what, err, code)
		}
	}
	check("nothing", "")
	if _, err := os.Stat(path); err == nil {
		t.Error("Check made the file")
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	check("one in use", Locked)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check("a good one", "")
	if after, err := os.ReadFile(path); err != nil || string(after) != string(good) {
		t.Errorf("Check changed the file: %v", err)
	}
	if err := os.WriteFile(path, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	check("one that was cut", Damaged)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	check("a directory", NotFile)
}
