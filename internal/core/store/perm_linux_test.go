package store

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"mcpproxy-tray/internal/core/approval"
)

// nobody runs fn as a user without privileges: permission bits mean nothing to root.
func nobody(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		fn()
	}()
	<-done
}

func TestOpenSaysItCannotWrite(t *testing.T) {
	dir := t.TempDir()
	readOnly := filepath.Join(dir, "readonly")
	unreadable := filepath.Join(dir, "test.db")
	for _, err := range []error{
		os.Chmod(filepath.Dir(dir), 0o755),
		os.Mkdir(readOnly, 0o555),
		os.WriteFile(unreadable, nil, 0o400),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	nobody(t, func() {
		_, err := Open(filepath.Join(readOnly, "test.db"))
		wantCode(t, err, ReadOnly)
		_, err = Open(unreadable)
		wantCode(t, err, ReadOnly)
	})
}

func TestFileIsPrivate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "test.db")
	for range 2 {
		s := open(t, path)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil { // somebody widens it
			t.Fatal(err)
		}
	}
}

func TestOpenRefusesAFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path)
	wantCode(t, err, NotFile)
}

func TestOpenForReadingWhatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path)
	for _, err := range []error{
		s.Approve(approval.Record{Server: "a", LaunchID: "v1:a", By: "user"}),
		s.Close(),
		os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755),
		os.Chmod(path, 0o444),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	nobody(t, func() {
		s, err := Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		if recs, err := s.Approvals(); err != nil || len(recs) != 1 || !s.ReadOnly() {
			t.Errorf("approvals %v, %v; read-only %v", recs, err, s.ReadOnly())
		}
		wantCode(t, s.Approve(approval.Record{Server: "b", LaunchID: "v1:b"}), ReadOnly)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
