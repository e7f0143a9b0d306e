package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"go.uber.org/goleak"

	"mcpproxy-tray/internal/core/approval"
)

// roleEnv makes the test binary do something else; its value is "ROLE PATH".
const roleEnv = "STORE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role, path, _ := strings.Cut(os.Getenv(roleEnv), " "); role {
	case "":
		goleak.VerifyTestMain(m)
	case "writer":
		os.Exit(write(path))
	case "holder":
		os.Exit(hold(path))
	}
}

// write approves without end and prints each approval after it was acknowledged.
func write(path string) int {
	s, err := Open(path)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	for i := 0; ; i++ {
		rec := approval.Record{Server: fmt.Sprintf("s%d", i%50), LaunchID: fmt.Sprintf("%d-%d", os.Getpid(), i), By: "user"}
		if err := s.Approve(rec); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println(rec.Server, rec.LaunchID)
	}
}

// hold keeps the file open until its stdin ends.
func hold(path string) int {
	s, err := Open(path)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadString(0)
	_ = s.Close()
	return 0
}

func reexec(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role+" "+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.path)
}

func TestApprovalsAreKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	recs := []approval.Record{
		{Server: "a", LaunchID: "v1:1", At: at, By: "user"},
		{Server: "a", LaunchID: "v1:2", At: at, By: "user"},
		{Server: "ab", LaunchID: "v1:1", At: at},
	}
	for _, r := range recs {
		if err := s.Approve(r); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	if got, err := s.Approvals(); err != nil || !equal(got, recs) {
		t.Errorf("Approvals() = %v, %v, want %v", got, err, recs)
	}
	if err := s.Revoke("a", "user", at); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if got, err := s.Approvals(); err != nil || !equal(got, recs[2:]) {
		t.Errorf("after Revoke Approvals() = %v, %v, want %v", got, err, recs[2:])
	}
	history, err := s.Decisions("a")
	if err != nil || len(history) != 3 || history[0].LaunchID != "v1:1" || history[1].LaunchID != "v1:2" || !history[2].Revoked {
		t.Errorf("Decisions(a) = %+v, %v", history, err)
	}
	for i, d := range history[1:] {
		if d.Seq <= history[i].Seq {
			t.Errorf("decisions out of order: %+v", history)
		}
	}
}

func equal(a, b []approval.Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].At.Equal(b[i].At) || a[i].Server != b[i].Server || a[i].LaunchID != b[i].LaunchID || a[i].By != b[i].By {
			return false
		}
	}
	return true
}

func TestApproveRefusesWhatNamesNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	for _, r := range []approval.Record{{}, {Server: "a"}, {LaunchID: "x"}, {Server: "a\x00b", LaunchID: "x"}, {Server: strings.Repeat("a", 40_000), LaunchID: "x"}} {
		if err := s.Approve(r); err == nil {
			t.Errorf("Approve(%.20q) was accepted", r.Server)
		}
	}
	if got, err := s.Approvals(); err != nil || len(got) > 0 {
		t.Errorf("Approvals() = %v, %v", got, err)
	}
}

// TestAcknowledgedApprovalsSurviveKill kills a writing process at random
// moments; what it acknowledged must be there.
func TestAcknowledgedApprovalsSurviveKill(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	path := filepath.Join(t.TempDir(), "test.db")
	acked := map[string]bool{}
	for range 20 {
		cmd, lines := reexec(t, "writer", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait := time.Duration(rng.IntN(60)) * time.Millisecond
		var kill *time.Timer
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Error(lines.Text())
			}
			acked[lines.Text()] = true
			if kill == nil { // the first acknowledgement arms the killer
				kill = time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
			}
		}
		if err := cmd.Wait(); err == nil || kill == nil {
			t.Fatalf("the writer ended by itself: %v", err)
		}
	}
	s := open(t, path)
	got, err := s.Approvals()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, r := range got {
		found[r.Server+" "+r.LaunchID] = true
	}
	for line := range acked {
		if !found[line] {
			t.Errorf("acknowledged approval %q is lost", line)
		}
	}
	t.Logf("%d acknowledged, %d found", len(acked), len(found))
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != code {
		t.Errorf("error = %v, want one of code %s", err, code)
		return
	}
	if e.Text == "" || e.Hint == "" || e.Path == "" || !strings.HasSuffix(e.Text, ".") || strings.Contains(e.Text, "panic") {
		t.Errorf("%s is not worded for people: %+v", code, e)
	}
}

func TestOpenSaysItIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	cmd, lines := reexec(t, "holder", path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("holder: %q", lines.Text())
	}
	start := time.Now()
	_, err = Open(path)
	wantCode(t, err, Locked)
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("Open took %v", took)
	}
	if _, err := openForReading(path, time.Now()); !errors.Is(err, berrors.ErrTimeout) {
		t.Errorf("openForReading = %v, want %v", err, berrors.ErrTimeout)
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	open(t, path)
}

// TestOpenWhileAnotherWrites is about pages that are written just now: they must
// not be taken for damage.
func TestOpenWhileAnotherWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	cmd, lines := reexec(t, "writer", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for n := 0; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "error") {
			t.Error(lines.Text())
		}
		if n == 100 { // the pages of the first ones have been free, and written over, many times
			_ = cmd.Process.Kill()
		} else if n < 100 {
			_, err := openForReading(path, time.Now())
			if !errors.Is(err, berrors.ErrTimeout) {
				t.Errorf("openForReading = %v, want %v", err, berrors.ErrTimeout)
			}
		}
	}
	_ = cmd.Wait()
	open(t, path)
}

func TestOpenExplains(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	wantCode(t, err, NotFile)
	_, err = Open(filepath.Join(dir, "no", "such", "test.db"))
	wantCode(t, err, Missing)
	for _, c := range []struct {
		err  error
		code string
	}{
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, ReadOnly},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, ReadOnly},
		{fmt.Errorf("write: %w", syscall.ENOSPC), Full},
		{berrors.ErrTimeout, Locked},
		{fmt.Errorf("%w: page 3", errDamaged), Damaged},
		{errors.New("something"), Unwritable},
	} {
		wantCode(t, explain("x.db", c.err), c.code)
	}
	if explain("x.db", nil) != nil {
		t.Error("explain(nil) is an error")
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	if err := s.update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keySchema, []byte("2")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(s.path)
	wantCode(t, err, Newer)
}
