package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	s, err := Open(path, nil)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	go func() { _ = s.Run(context.Background()) }()
	for i := 0; ; i++ {
		rec := approval.Record{Server: fmt.Sprintf("s%d", i%50), LaunchID: fmt.Sprintf("%d-%d", os.Getpid(), i), By: "user"}
		s.Record(Transition{Server: rec.Server, From: "connecting", To: "connected"})
		if err := s.Approve(rec); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println(rec.Server, rec.LaunchID)
	}
}

// hold keeps the file open until its stdin ends.
func hold(path string) int {
	s, err := Open(path, nil)
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
	s, err := Open(path, nil)
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
	_, err = Open(path, nil)
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
	_, err := Open(dir, nil)
	wantCode(t, err, NotFile)
	_, err = Open(filepath.Join(dir, "no", "such", "test.db"), nil)
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
	_, err := Open(s.path, nil)
	wantCode(t, err, Newer)
}

func TestHistoryIsBatchedPrunedAndKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	const n = keepPerServer + 300
	for i := range n {
		s.Record(Transition{Server: "a", From: "connecting", To: "connected", Text: fmt.Sprint(i)})
		if i%100 == 0 {
			s.Record(Transition{Server: "b", From: "disabled", To: "connecting", Code: "MPT-X"})
		}
	}
	cancel()
	wg.Wait()
	a, err := s.Transitions("a", n)
	if err != nil || len(a) != keepPerServer {
		t.Fatalf("%d transitions kept, %v; want %d", len(a), err, keepPerServer)
	}
	for i, tr := range a {
		if want := fmt.Sprint(n - 1 - i); tr.Text != want || tr.Server != "a" || tr.To != "connected" {
			t.Fatalf("transition %d = %+v, want text %s", i, tr, want)
		}
	}
	// What comes after Run is written by Close, and the order goes on.
	s.Record(Transition{Server: "a", To: "stopping"})
	s = reopen(t, s)
	if last, err := s.Transitions("a", 1); err != nil || len(last) != 1 || last[0].To != "stopping" || last[0].Seq <= a[0].Seq {
		t.Errorf("newest = %+v, %v", last, err)
	}
	if b, err := s.Transitions("b", n); err != nil || len(b) != 13 || b[0].Code != "MPT-X" {
		t.Errorf("Transitions(b) = %d, %v", len(b), err)
	}
	if none, err := s.Transitions("c", 5); err != nil || len(none) > 0 || s.Dropped() > 0 {
		t.Errorf("Transitions(c) = %v, %v; %d dropped", none, err, s.Dropped())
	}
}

func TestRunWritesWhatIsQueuedWhenItIsAlreadyOver(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Record(Transition{Server: "a", To: "stopping"})
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Transitions("a", 1); err != nil || len(got) != 1 {
		t.Errorf("Transitions(a) = %v, %v", got, err)
	}
}

func TestRecordNeverWaitsAndCountsWhatIsLost(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	s.Record(Transition{}) // of no server
	held, err := s.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	for range maxPending + 5 { // the writer is stuck: nothing of this may block
		s.Record(Transition{Server: "a"})
	}
	if s.Dropped() != 6 {
		t.Errorf("Dropped() = %d, want 6", s.Dropped())
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeWrittenIsTriedAgain(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	s.db.MaxSize = 1 // bbolt refuses to grow the file, like a full disk
	for range 2_000 {
		s.Record(Transition{Server: "a", Text: strings.Repeat("x", 100)})
	}
	if err := s.flush(); err == nil {
		t.Fatal("flush did not fail")
	}
	s.db.MaxSize = 0
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Transitions("a", 5_000); err != nil || len(got) != keepPerServer {
		t.Errorf("%d transitions, %v", len(got), err)
	}
}
