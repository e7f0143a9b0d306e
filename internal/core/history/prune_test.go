package history

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/call"
)

// calls returns how many calls are in the file, told or not, and how often it was written.
func (h *tested) calls(t *testing.T) (n, written int) {
	t.Helper()
	err := h.locked(context.WithoutCancel(t.Context()), func() error {
		return h.file.view(func(tx *bbolt.Tx) error {
			for _, b := range buckets(tx.Bucket(bucketCalls)) {
				n += b.Stats().KeyN
			}
			written = tx.ID()
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, written
}

// TestCallsThatAreTooOldAreNotTold wants them left out from the moment they are too old,
// wherever they stand.
func TestCallsThatAreTooOldAreNotTold(t *testing.T) {
	h := begin(t, dbPath(t), func(o *Options) { o.Settings.MaxAge = time.Hour })
	for i, ago := range []time.Duration{30 * time.Minute, 2 * time.Hour, 20 * time.Minute, 3 * time.Hour, 0} {
		h.Record(call.Record{Server: "s", Tool: fmt.Sprint(i), At: time.Now().Add(-ago)})
	}
	h.Changed(Transition{Server: "s", From: "connecting", To: "connected", At: time.Now().Add(-2 * time.Hour)})
	got := h.page(t, Query{Limit: 3})
	if len(got.Entries) != 3 || got.Entries[0].Kind != States || got.Entries[1].Tool != "4" || got.Entries[2].Tool != "2" || got.Next == 0 {
		t.Errorf("page = %+v", got)
	}
	got = h.page(t, Query{Limit: 3, Before: got.Next})
	if len(got.Entries) != 1 || got.Entries[0].Tool != "0" || got.Next != 0 {
		t.Errorf("next page = %+v", got)
	}
}

// TestCallsThatAreTooOldGo wants all of them dropped by a program to which nothing comes.
func TestCallsThatAreTooOldGo(t *testing.T) {
	path := dbPath(t)
	h := begin(t, path, recent)
	for i := range 3 * pieceItems {
		h.Record(call.Record{Server: fmt.Sprint("s", i%3), Tool: "t", At: at(i)})
	}
	h.Record(call.Record{Server: "s0", Tool: "new", At: time.Now()})
	h.stop()
	h = begin(t, path, func(o *Options) { o.Settings.MaxAge = time.Hour })
	h.until(t, "the old calls to go", func() bool { n, _ := h.calls(t); return n == 1 })
	shorter := defaults
	shorter.MaxAge = time.Nanosecond
	h.Configure(shorter)
	h.until(t, "the last call to go", func() bool { n, _ := h.calls(t); return n == 0 })
}

// TestCallsGoFromARestingProgram wants a call dropped within an hour after it became too
// old, and the file left alone before and after.
func TestCallsGoFromARestingProgram(t *testing.T) {
	path := dbPath(t)
	synctest.Test(t, func(t *testing.T) {
		h := begin(t, path, func(o *Options) { o.Settings.MaxAge = 36 * time.Hour })
		h.Record(call.Record{Server: "s", Tool: "t", At: time.Now()})
		h.page(t, Query{Limit: 1})
		_, before := h.calls(t)
		time.Sleep(35 * time.Hour)
		if n, written := h.calls(t); n != 1 || written != before {
			t.Errorf("%d calls after 35 h, written %d times", n, written-before)
		}
		time.Sleep(2*time.Hour + time.Minute)
		n, after := h.calls(t)
		if n != 0 || after > before+2 {
			t.Errorf("%d calls after 37 h, written %d times", n, after-before)
		}
		time.Sleep(30 * time.Hour)
		if _, written := h.calls(t); written != after {
			t.Errorf("an empty history was written %d times", written-after)
		}
		h.stop()
	})
}

// TestAgeIsKeptUnderLoad wants calls to go as fast as they come.
func TestAgeIsKeptUnderLoad(t *testing.T) {
	path := dbPath(t)
	synctest.Test(t, func(t *testing.T) {
		const perSecond, age = 20, 150
		h := begin(t, path, func(o *Options) { o.Settings.MaxAge = age * time.Second })
		for i := range 3 * age * perSecond {
			h.Record(call.Record{Server: fmt.Sprint("s", i%3), Tool: "t", At: time.Now()})
			time.Sleep(time.Second / perSecond)
		}
		if n, _ := h.calls(t); n < (age-5)*perSecond || n > (age+5)*perSecond {
			t.Errorf("%d calls are in the file, want those of %d s: %d", n, age, age*perSecond)
		}
		h.stop()
	})
}

// TestManyChangesLeaveRoomForCalls has more changes than fit, and wants the file below its
// limit, the newest changes of each server, and the newest calls.
func TestManyChangesLeaveRoomForCalls(t *testing.T) {
	const limit, servers, rounds = 10 << 20, 60, 1100
	text := strings.Repeat("it went away ", 10)
	path := dbPath(t)
	h := begin(t, path, recent, func(o *Options) { o.Settings.MaxBytes = limit })
	for i := range rounds {
		for j := range servers {
			h.Changed(Transition{Server: fmt.Sprint("s", j), From: "connecting", To: "backoff", At: at(i), Text: text})
		}
		h.Record(call.Record{Server: fmt.Sprint("s", i%3), Tool: fmt.Sprint(i), At: at(i), Why: text})
		if i%20 == 0 {
			h.page(t, Query{Limit: 1})
		}
	}
	calls := h.page(t, Query{Kind: Calls, Limit: 10_000}).Entries
	if len(calls) < 1000 || calls[0].Tool != fmt.Sprint(rounds-1) {
		t.Errorf("%d calls are left", len(calls))
	}
	for j := range servers {
		got := h.page(t, Query{Kind: States, Server: fmt.Sprint("s", j), Limit: keepChanges}).Entries
		if len(got) < 200 || !got[0].At.Equal(at(rounds-1)) || !got[len(got)-1].At.Equal(at(rounds-len(got))) {
			t.Fatalf("server %d: %d changes are left", j, len(got))
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() > limit {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if n := h.Dropped(); n > 0 {
		t.Errorf("%d were dropped", n)
	}
}
