//go:build unix

package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	ossignal "os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/call"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("HISTORY_TEST_WRITE"); path != "" {
		writeUntilKilled(context.Background(), path)
	}
	os.Exit(m.Run())
}

// writeUntilKilled is the process of TestKilledProcessLeavesAReadableFile: it says the
// number of the last call that it has seen on disk.
func writeUntilKilled(ctx context.Context, path string) {
	h := New(Options{Path: path, Settings: defaults})
	go h.Run(ctx)
	for i := 0; ; i++ {
		h.Record(call.Record{Server: fmt.Sprint("s", i%5), Tool: fmt.Sprint(i), At: time.Now()})
		if i%50 != 49 {
			continue
		}
		for {
			if p, err := h.Page(ctx, Query{Limit: 1}); err == nil && len(p.Entries) == 1 && p.Entries[0].Tool == fmt.Sprint(i) {
				break
			}
		}
		fmt.Println(i)
	}
}

// TestKilledProcessLeavesAReadableFile kills the writer in the middle, again and again.
func TestKilledProcessLeavesAReadableFile(t *testing.T) {
	path := dbPath(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "HISTORY_TEST_WRITE="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen, lines := "", bufio.NewScanner(out)
		for range 1 + rng.IntN(5) {
			if lines.Scan() {
				seen = lines.Text()
			}
		}
		for deadline := time.Now().Add(time.Duration(rng.IntN(5000)) * time.Microsecond); time.Now().Before(deadline); {
		}
		_ = cmd.Process.Kill() // it writes at this moment
		for lines.Scan() {
			seen = lines.Text()
		}
		_ = cmd.Wait() // killed
		h := begin(t, path)
		if code := h.code(); code != "" {
			t.Fatalf("after a kill: %s", code)
		}
		found := false
		last := uint64(1 << 62)
		for _, e := range h.page(t, Query{Limit: 100_000}).Entries {
			found = found || e.Tool == seen
			if e.Seq >= last {
				t.Fatalf("entry %d after %d", e.Seq, last)
			}
			last = e.Seq
		}
		if seen == "" || !found {
			t.Errorf("call %q, which was on disk, is lost", seen)
		}
		h.stop()
	}
}

// TestDamagedFileIsMovedAside wants a new history, the old file kept, and a warning.
func TestDamagedFileIsMovedAside(t *testing.T) {
	good := dbPath(t)
	h := begin(t, good)
	for i := range 3000 {
		h.Record(call.Record{Server: "s", Tool: fmt.Sprint(i), At: time.Now()})
	}
	h.stop()
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"text":      []byte(strings.Repeat("this is no database\n", 1000)),
		"cut":       content[:len(content)/2],
		"zeros":     append(bytes.Clone(content[:8192]), make([]byte, len(content)-8192)...),
		"no schema": database(t, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("other")); return err }),
		"no bucket": database(t, func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket(bucketMeta)
			return errors.Join(err, b.Put(keySchema, []byte("1")))
		}),
	} {
		path := dbPath(t)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		h := begin(t, path)
		h.Record(call.Record{Tool: "new", At: time.Now()})
		if got := h.page(t, Query{Limit: 9}); len(got.Entries) != 1 || h.code() != "MPT-HISTORY-DAMAGED" {
			t.Errorf("%s: %d entries, problem %q", name, len(got.Entries), h.code())
		}
		if kept, err := os.ReadFile(damagedPath(path)); err != nil || !bytes.Equal(kept, bad) {
			t.Errorf("%s: the old file is not kept: %v", name, err)
		}
	}
}

// TestFileThatIsDamagedMeanwhileIsMovedAside writes over an open file, and wants who reads
// it to be told no more than to ask again, and a new history.
func TestFileThatIsDamagedMeanwhileIsMovedAside(t *testing.T) {
	path := dbPath(t)
	h := begin(t, path, recent)
	for i := range 3000 {
		h.Record(call.Record{Server: "s", Tool: fmt.Sprint(i), At: at(i)})
	}
	h.page(t, Query{Limit: 1})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	metas := int64(2 * os.Getpagesize()) // what makes it a database stays
	if _, err := raw.WriteAt(make([]byte, info.Size()-metas), metas); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	for _, read := range []func() error{
		func() error { _, err := h.Page(t.Context(), Query{Limit: 5000}); return err },
		func() error { _, err := h.Uptime(t.Context(), "", time.Time{}); return err },
	} {
		if err := read(); err != nil && !errors.Is(err, ErrNotOpen) {
			t.Errorf("%v, want ErrNotOpen", err)
		}
	}
	h.until(t, "a new history", func() bool {
		_, err := h.Page(t.Context(), Query{Limit: 1})
		return err == nil && h.code() == "MPT-HISTORY-DAMAGED"
	})
	if _, err := os.Stat(damagedPath(path)); err != nil {
		t.Errorf("the damaged file is not kept: %v", err)
	}
}

// database returns the content of a database.
func database(t *testing.T, fill func(*bbolt.Tx) error) []byte {
	t.Helper()
	path := dbPath(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fill), db.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestFileOfOthersIsLeftAlone wants a history that is off and says why, and the file as it was.
func TestFileOfOthersIsLeftAlone(t *testing.T) {
	newer := database(t, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(bucketMeta)
		return errors.Join(err, b.Put(keySchema, []byte("2")))
	})
	path := dbPath(t)
	if err := os.WriteFile(path, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	wantOff(t, path, "MPT-HISTORY-NEWER")
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, newer) {
		t.Errorf("the file of a newer version has changed: %v", err)
	}

	locked := dbPath(t)
	other := begin(t, locked)
	wantOff(t, locked, "MPT-HISTORY-LOCKED")
	other.page(t, Query{Limit: 1})

	folder := dbPath(t)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	wantOff(t, folder, "MPT-HISTORY-FAILED")
	wantOff(t, dbPath(t)+"/no/such/folder.db", "MPT-HISTORY-FAILED")
}

// wantOff wants a history that cannot use its file to say so and to drop what it is given.
func wantOff(t *testing.T, path, code string) {
	t.Helper()
	h := begin(t, path)
	h.until(t, code, func() bool { return h.code() == code })
	h.Record(call.Record{Tool: "t"})
	_, err := h.Page(t.Context(), Query{Limit: 1})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Problem().Code != code || h.Dropped() != 1 {
		t.Errorf("Page() = %v, want %s; dropped %d", err, code, h.Dropped())
	}
	h.stop()
}

// fileLimit returns what limits how large files of this process may become. It runs the
// test in a process of its own, and returns nil in this one, where the limit would hold
// for what the testing package writes, too.
func fileLimit(t *testing.T) func(bytes uint64) {
	t.Helper()
	if os.Getenv("HISTORY_TEST_LIMIT") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "HISTORY_TEST_LIMIT=1")
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v\n%s", err, out)
		}
		return nil
	}
	ossignal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	return func(bytes uint64) {
		l := old
		l.Cur = min(bytes, old.Cur)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDiskStopsNobody limits how large a file may be, which the system refuses as it
// does on a full disk, and lifts the limit again.
func TestFullDiskStopsNobody(t *testing.T) {
	limit := fileLimit(t)
	if limit == nil {
		return
	}
	h := begin(t, dbPath(t))
	h.Record(call.Record{Tool: "before", At: time.Now()})
	h.page(t, Query{Limit: 1})
	limit(64 << 10)
	for i := range 20_000 {
		h.Record(call.Record{Tool: "during", At: time.Now(), Why: fmt.Sprint("reason ", i)})
	}
	h.until(t, "the problem", func() bool { return h.code() == "MPT-HISTORY-FULL" })
	got := h.page(t, Query{Limit: 100_000})
	if len(got.Entries) != 1 || got.Entries[0].Tool != "before" {
		t.Errorf("%d entries can be read while the disk is full", len(got.Entries))
	}
	limit(1 << 62)
	h.until(t, "the history to go on", func() bool { h.page(t, Query{Limit: 1}); return h.code() == "" })
	h.Record(call.Record{Tool: "after", At: time.Now()})
	got = h.page(t, Query{Limit: 100_000})
	if n := len(got.Entries) + int(h.Dropped()); n != 20_002 || got.Entries[0].Tool != "after" || len(got.Entries) < 10_000 {
		t.Errorf("%d entries and %d dropped, want 20,002 together", len(got.Entries), h.Dropped())
	}
}

// TestFullFromTheBeginning wants the history to begin when there is space.
func TestFullFromTheBeginning(t *testing.T) {
	limit := fileLimit(t)
	if limit == nil {
		return
	}
	limit(1024)
	h := begin(t, dbPath(t))
	h.Record(call.Record{Tool: "early", At: time.Now()})
	h.until(t, "the problem", func() bool { return h.code() == "MPT-HISTORY-FULL" })
	limit(1 << 62)
	h.until(t, "the history to begin", func() bool {
		h.look()
		p, err := h.Page(t.Context(), Query{Limit: 1})
		return err == nil && len(p.Entries) == 1
	})
	if h.code() != "" {
		t.Errorf("the problem stays: %s", h.code())
	}
}
