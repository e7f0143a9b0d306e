package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// defaults keep everything that a test writes.
var defaults = Settings{Enabled: true, MaxBytes: 100 << 20, MaxAge: 90 * 24 * time.Hour, PayloadBytes: 4096}

// A tested is a running history.
type tested struct {
	*History
	stop func() // ends Run and waits for it

	mu      sync.Mutex
	problem stateview.Problem // guarded by mu
}

// begin runs a history until the test ends.
func begin(t testing.TB, path string, change ...func(*Options)) *tested {
	t.Helper()
	h := &tested{}
	o := Options{Path: path, Settings: defaults, Problem: func(p stateview.Problem) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.problem = p
	}}
	for _, f := range change {
		f(&o)
	}
	h.History = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	h.stop = func() { cancel(); wg.Wait() }
	t.Cleanup(h.stop)
	h.until(t, "the file to be opened", func() bool {
		_, err := h.Page(t.Context(), Query{Limit: 1})
		return !errors.Is(err, ErrNotOpen) || h.code() != ""
	})
	return h
}

// code returns the code of the problem that was told last.
func (h *tested) code() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problem.Code
}

// look has Run look again without waiting for its time.
func (h *tested) look() { signal(h.changed) }

func (h *tested) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20s for %s", what)
		}
	}
}

// page returns a page that must be there.
func (h *tested) page(t testing.TB, q Query) Page {
	t.Helper()
	p, err := h.Page(t.Context(), q)
	if err != nil {
		t.Fatalf("Page(%+v): %v", q, err)
	}
	return p
}

func dbPath(t testing.TB) string { return filepath.Join(t.TempDir(), "history.db") }

// at is a time that is kept without loss.
func at(second int) time.Time { return time.UnixMilli(1_790_000_000_000 + int64(second)*1000) }

// recent keeps times of at from being too old, whatever the clock says.
func recent(o *Options) { o.Settings.MaxAge = 100 * 365 * 24 * time.Hour }

func TestWhatWasRecordedIsToldOverRestarts(t *testing.T) {
	path := dbPath(t)
	h := begin(t, path, recent)
	h.Record(call.Record{Client: "inspector", Server: "files", Tool: "read", At: at(1), Took: 1500 * time.Microsecond, Sent: 10, Got: 20,
		Params: []byte(`{}`), Answer: []byte(`{}`)})
	h.Record(call.Record{Tool: "nosuch", At: at(2), Outcome: call.Refused, Why: "There is no tool."})
	h.Changed(Transition{Server: "files", From: "connecting", To: "failed", At: at(3), Code: "MPT-EXIT", Text: "It ended."})
	want := []Entry{
		{Seq: 4, Kind: States, Server: "files", At: at(3), From: "connecting", To: "failed", Code: "MPT-EXIT", Text: "It ended."},
		{Seq: 3, Kind: Calls, At: at(2), Tool: "nosuch", Outcome: call.Refused, Text: "There is no tool."},
		{Seq: 2, Kind: Calls, Server: "files", At: at(1), Client: "inspector", Tool: "read", Took: 1500 * time.Microsecond, Sent: 10, Got: 20},
	}
	if got := h.page(t, Query{Limit: 10}); !reflect.DeepEqual(got.Entries, want) || got.Next != 0 {
		t.Errorf("page = %+v, want %+v", got, want)
	}
	h.stop()
	if _, err := h.Page(t.Context(), Query{Limit: 1}); !errors.Is(err, ErrNotOpen) {
		t.Errorf("Page() after the end = %v, want ErrNotOpen", err)
	}
	h = begin(t, path, recent)
	if got := h.page(t, Query{Limit: 10}); !reflect.DeepEqual(got.Entries, want) {
		t.Errorf("page after a restart = %+v, want %+v", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

func TestWhatIsQueuedAtTheEndIsWritten(t *testing.T) {
	path := dbPath(t)
	h := New(Options{Path: path, Settings: defaults})
	h.Record(call.Record{Tool: "early", At: time.Now()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := begin(t, path).page(t, Query{Limit: 9}); len(got.Entries) != 1 || got.Entries[0].Tool != "early" {
		t.Errorf("page = %+v", got)
	}
}

// TestPagesAgreeWithAModel writes random entries while pages are read, and wants each
// reader to see what was there when it began, each entry once.
func TestPagesAgreeWithAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h := begin(t, dbPath(t), recent)
	var model []Entry // oldest first; the run is number 1
	more := func(most int) {
		for range rng.IntN(most) {
			e := Entry{Seq: uint64(len(model) + 2), Server: fmt.Sprintf("s%d", rng.IntN(4)), At: at(len(model) / 3)}
			if rng.IntN(4) == 0 {
				e.Kind, e.From, e.To = States, "connecting", "connected"
				h.Changed(Transition{Server: e.Server, From: e.From, To: e.To, At: e.At})
			} else {
				e.Kind, e.Tool = Calls, fmt.Sprint("tool", rng.IntN(9))
				h.Record(call.Record{Server: e.Server, Tool: e.Tool, At: e.At})
			}
			model = append(model, e)
		}
	}
	for round := range 40 {
		more(60)
		q := Query{Kind: Kind(rng.IntN(3)), Limit: 1 + rng.IntN(20)}
		if rng.IntN(2) == 0 {
			q.Server = fmt.Sprintf("s%d", rng.IntN(5))
		}
		if rng.IntN(2) == 0 && len(model) > 0 {
			q.Since = at(rng.IntN(len(model)/3 + 1))
		}
		want := choose(model, q)
		var got []Entry
		for {
			p := h.page(t, q)
			got = append(got, p.Entries...)
			if len(p.Entries) > q.Limit || p.Next != 0 && len(p.Entries) < q.Limit {
				t.Fatalf("round %d: a page of %d for a limit of %d, next %d", round, len(p.Entries), q.Limit, p.Next)
			}
			if q.Before = p.Next; p.Next == 0 {
				break
			}
			more(3)
		}
		if len(got) != len(want) {
			t.Fatalf("round %d, %+v: %d entries, want %d", round, q, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("round %d, %+v: entry %d is %+v, want %+v", round, q, i, got[i], want[i])
			}
		}
	}
}

// choose is what Page must return, over all pages.
func choose(model []Entry, q Query) (want []Entry) {
	for i := len(model) - 1; i >= 0; i-- {
		e := model[i]
		if (q.Kind == Both || e.Kind == q.Kind) && (q.Server == "" || e.Server == q.Server) && !e.At.Before(q.Since) {
			want = append(want, e)
		}
	}
	return want
}

func TestAThousandChangesOfEachServerAreKept(t *testing.T) {
	h := begin(t, dbPath(t), recent)
	for i := range 3*keepChanges + 7 {
		h.Changed(Transition{Server: "flapping", From: "connecting", To: "backoff", At: at(i)})
		if i%keepChanges == 0 {
			h.Changed(Transition{Server: "calm", From: "connecting", To: "connected", At: at(i)})
			h.page(t, Query{Limit: 1}) // in several transactions
		}
	}
	got := h.page(t, Query{Server: "flapping", Limit: 5 * keepChanges})
	if len(got.Entries) != keepChanges || !got.Entries[0].At.Equal(at(3*keepChanges+6)) {
		t.Errorf("%d changes of the flapping server, the newest at %v", len(got.Entries), got.Entries[0].At)
	}
	if got := h.page(t, Query{Server: "calm", Limit: 9}); len(got.Entries) != 4 {
		t.Errorf("%d changes of the calm server, want 4", len(got.Entries))
	}
}

// TestLongNamesAreToldApart has two servers of the longest names there can be, which
// differ in the last character.
func TestLongNamesAreToldApart(t *testing.T) {
	h := begin(t, dbPath(t))
	one, two := strings.Repeat("𠀋", 63)+"a", strings.Repeat("𠀋", 63)+"𠀌"
	for _, server := range []string{one, two} {
		h.Record(call.Record{Server: server, Tool: "t", At: time.Now()})
		h.Changed(Transition{Server: server, From: "connecting", To: "connected", At: time.Now()})
		got := h.page(t, Query{Server: server, Limit: 9}).Entries
		if len(got) != 2 || got[0].Server != server || got[1].Server != server {
			t.Errorf("of %.9s…: %+v", server, got)
		}
	}
}

// TestTheOldestCallsGo wants the limit of size kept, and the newest calls.
func TestTheOldestCallsGo(t *testing.T) {
	const limit = 10 << 20
	why := strings.Repeat("reason ", 30)
	path := dbPath(t)
	h := begin(t, path, recent, func(o *Options) { o.Settings.MaxBytes = limit })
	for i := range 100_000 {
		h.Record(call.Record{Server: fmt.Sprint("s", i%3), Tool: "t", At: at(i), Why: why})
		if i%2000 == 0 {
			h.page(t, Query{Limit: 1})
		}
	}
	got := h.page(t, Query{Limit: 200_000})
	for i, e := range got.Entries {
		if want := at(99_999 - i); !e.At.Equal(want) {
			t.Fatalf("entry %d is of %v, want %v", i, e.At, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() > limit || len(got.Entries) < 20_000 {
		t.Errorf("%d calls are left in %d bytes, %v", len(got.Entries), info.Size(), err)
	}
}

func TestMoreThanTheQueueHoldsIsDroppedAndCounted(t *testing.T) {
	h := New(Options{Path: dbPath(t), Settings: defaults})
	for range maxQueued + 5 {
		h.Record(call.Record{Tool: "t"})
	}
	for range maxChanges + 3 {
		h.Changed(Transition{Server: "s"})
	}
	if got := h.Dropped(); got != 8 {
		t.Errorf("Dropped() = %d, want 8", got)
	}
	h = New(Options{Path: dbPath(t), Settings: Settings{Enabled: true, Payloads: true, PayloadBytes: 1 << 20}})
	for range 20 {
		h.Record(call.Record{Tool: "t", Answer: make([]byte, 1<<20)})
	}
	if len(h.queue.items) != 20 || len(h.queue.room) > maxQueuedBytes || len(h.queue.room) < 1<<20 {
		t.Errorf("%d calls wait with %d bytes of payloads", len(h.queue.items), len(h.queue.room))
	}
}

func TestSettingsHoldAtOnce(t *testing.T) {
	h := begin(t, dbPath(t), func(o *Options) { o.Settings.Enabled = false })
	if _, err := h.Page(t.Context(), Query{Limit: 1}); !errors.Is(err, ErrOff) {
		t.Errorf("Page() = %v, want ErrOff", err)
	}
	h.Record(call.Record{Tool: "unseen"})
	on := defaults
	on.Payloads = true
	h.Configure(on)
	h.Record(call.Record{Tool: "seen", At: time.Now(), Params: []byte(`{"a":1}`)})
	h.until(t, "the file to be opened", func() bool { _, err := h.Page(t.Context(), Query{Limit: 1}); return err == nil })
	if got := h.page(t, Query{Limit: 9}); len(got.Entries) != 1 || got.Entries[0].Params != `{"a":1}` {
		t.Errorf("page = %+v", got)
	}
	h.Configure(Settings{})
	h.until(t, "the history to be off", func() bool { _, err := h.Page(t.Context(), Query{Limit: 1}); return errors.Is(err, ErrOff) })
	h.until(t, "the file to be closed", func() bool {
		h.writing <- struct{}{}
		defer func() { <-h.writing }()
		return h.file == nil
	})
}

func TestManyRecordWhileManyRead(t *testing.T) {
	h := begin(t, dbPath(t))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 500 {
				h.Record(call.Record{Server: fmt.Sprint("s", i), Tool: fmt.Sprint("t", j), At: time.Now()})
			}
		})
		wg.Go(func() {
			for range 20 {
				if _, err := h.Page(t.Context(), Query{Limit: 50}); err != nil {
					t.Errorf("Page() = %v", err)
				}
				if _, err := h.Uptime(t.Context(), "", time.Time{}); err != nil {
					t.Errorf("Uptime() = %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := h.page(t, Query{Limit: 9999}); len(got.Entries) != 2000 {
		t.Errorf("%d entries, want 2000", len(got.Entries))
	}
}
