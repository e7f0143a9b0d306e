package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { programs["atlimit"] = startAtLimit }

// TestNoMoreProcesses starts a server when its user may have no more processes, and
// again when there is room.
func TestNoMoreProcesses(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	if os.Getuid() == 0 { // whom no such limit binds: somebody else, and what he can read
		dir, err := os.MkdirTemp("", "limits")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		f := folder{t, dir}
		f.must(os.Chmod(dir, 0o755))
		copyFile(f, os.Args[0], "program")
		cmd = exec.CommandContext(t.Context(), f.at("program"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 61234, Gid: 61234}}
	}
	cmd.Dir, cmd.Env = "/", append(os.Environ(), modeVariable+"=atlimit", "HOME=/")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	const want = "MPT-CMD-NOT-NOW network\nThe command \"/proc/self/exe\" cannot be started at the moment: resource temporarily unavailable.\nconnected\n"
	if string(out) != want {
		t.Errorf("got:\n%swant:\n%s", out, want)
	}
}

func copyFile(f folder, from, to string) {
	f.tb.Helper()
	in, err := os.Open(from)
	f.must(err)
	defer in.Close()
	out, err := os.OpenFile(f.at(filepath.Base(to)), os.O_CREATE|os.O_WRONLY, 0o755)
	f.must(err)
	_, err = io.Copy(out, in)
	f.must(errors.Join(err, out.Close()))
}

// startAtLimit is the program of TestNoMoreProcesses: it prints what becomes of two starts.
func startAtLimit() error {
	warmUp()
	c, srv := testConnector(), childOf("sdk")
	srv.Command, srv.Cwd = "/proc/self/exe", "/"
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
		return err
	}
	none := unix.Rlimit{Cur: 1, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &none); err != nil {
		return err
	}
	_, refused := c.Connect(context.Background(), srv)
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
		return err
	}
	e, ok := errors.AsType[*Error](refused)
	if !ok {
		return fmt.Errorf("no problem, but %w", refused)
	}
	fmt.Println(e.Code(), e.Class())
	fmt.Println(e.Problem().Text)
	s, err := c.Connect(context.Background(), srv)
	if err != nil {
		return err
	}
	fmt.Println("connected")
	return s.Close()
}

// warmUp makes the runtime start the threads that it may want later: at the limit it
// could not, and would give up.
func warmUp() {
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			t := syscall.NsecToTimespec(int64(50 * time.Millisecond))
			_ = syscall.Nanosleep(&t, nil) // blocks its thread
		})
	}
	all.Wait()
}
