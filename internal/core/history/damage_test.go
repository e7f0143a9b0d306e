package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/call"
)

// spoil replaces records of the open file by what is none.
func (h *tested) spoil(t *testing.T, kind []byte, server string, seqs ...uint64) {
	t.Helper()
	err := h.locked(t.Context(), func() error {
		return h.file.update(func(tx *bbolt.Tx) error {
			var errs []error
			for _, seq := range seqs {
				errs = append(errs, tx.Bucket(kind).Bucket([]byte(bucketName(server))).Put(number(seq), []byte{1, 0xff, 0xff}))
			}
			return errors.Join(errs...)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamagedRecordsAreLeftOut wants the others told, and no time counted of which
// nothing is known.
func TestDamagedRecordsAreLeftOut(t *testing.T) {
	h := begin(t, dbPath(t), recent)
	for i := range 3 { // numbers 2, 3, 4
		h.Record(call.Record{Server: "s", Tool: fmt.Sprint(i), At: time.Now()})
	}
	begun := time.Now().Add(-time.Hour).Round(time.Second)
	for i, c := range [][2]string{{"disabled", "connecting"}, {"connecting", "connected"}, {"connected", "failed"}} { // 5, 6, 7
		h.Changed(Transition{Server: "s", From: c[0], To: c[1], At: begun.Add(time.Duration(i) * time.Minute)})
	}
	h.page(t, Query{Limit: 1})
	h.spoil(t, bucketCalls, "s", 3)
	h.spoil(t, bucketStates, "s", 5, 7)
	var seqs []string
	for _, e := range h.page(t, Query{Limit: 9}).Entries {
		seqs = append(seqs, fmt.Sprint(e.Seq))
	}
	if got := strings.Join(seqs, " "); got != "6 4 2" {
		t.Errorf("entries %s are told, want 6 4 2", got)
	}
	list, err := h.Uptime(t.Context(), "s", time.Time{})
	if err != nil || len(list) != 0 {
		t.Errorf("Uptime() = %+v, %v", list, err)
	}
}

// TestHistoryThatIsSwitchedOffWhileItIsRead wants that told, and not what the file says.
func TestHistoryThatIsSwitchedOffWhileItIsRead(t *testing.T) {
	h := begin(t, dbPath(t))
	err := h.tell(t.Context(), func(f *file) error {
		h.Configure(Settings{})
		h.until(t, "the file to be closed", func() bool {
			h.writing <- struct{}{}
			defer func() { <-h.writing }()
			return h.file == nil
		})
		_, err := f.page(t.Context(), Query{Limit: 1}, time.Time{})
		return err
	})
	if !errors.Is(err, ErrOff) {
		t.Errorf("%v, want ErrOff", err)
	}
	h = begin(t, dbPath(t))
	err = h.tell(t.Context(), func(f *file) error {
		h.stop()
		_, err := f.page(t.Context(), Query{Limit: 1}, time.Time{})
		return err
	})
	if !errors.Is(err, ErrNotOpen) {
		t.Errorf("%v, want ErrNotOpen", err)
	}
}

// TestPageEndsAtItsSize wants pages of large payloads to end before their limit, and
// each entry once.
func TestPageEndsAtItsSize(t *testing.T) {
	h := begin(t, dbPath(t), recent, func(o *Options) { o.Settings.Payloads, o.Settings.PayloadBytes = true, 1<<20 })
	answer := []byte(`["` + strings.Repeat("x", 1<<20-4) + `"]`)
	const calls = 12
	for i := range calls {
		h.Record(call.Record{Server: "s", At: at(i), Answer: answer})
		h.page(t, Query{Limit: 1})
	}
	q, told := Query{Limit: 1000}, 0
	for pages := 1; ; pages++ {
		p := h.page(t, q)
		size := 0
		for _, e := range p.Entries {
			if want := at(calls - 1 - told); !e.At.Equal(want) || len(e.Answer) != len(answer) {
				t.Fatalf("entry %d is of %v with %d bytes, want %v", told, e.At, len(e.Answer), want)
			}
			told++
			size += len(e.Answer)
		}
		if size > maxPageBytes+len(answer) {
			t.Errorf("a page of %d bytes", size)
		}
		if q.Before = p.Next; p.Next == 0 {
			if told != calls || pages != 2 {
				t.Errorf("%d entries on %d pages, want %d on 2", told, pages, calls)
			}
			return
		}
	}
}

// TestReadingEndsWithItsContext wants no more read than somebody waits for.
func TestReadingEndsWithItsContext(t *testing.T) {
	h := begin(t, dbPath(t))
	h.Record(call.Record{Tool: "t", At: time.Now()})
	h.Changed(Transition{Server: "s", From: "connecting", To: "connected", At: time.Now()})
	h.page(t, Query{Limit: 1})
	why := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := h.tell(ctx, func(f *file) error {
		cancel(why)
		_, err := f.page(ctx, Query{Limit: 10}, time.Time{})
		if _, other := f.uptime(ctx, "", time.Time{}, time.Now()); err == nil || other == nil {
			t.Errorf("page: %v, uptime: %v", err, other)
		}
		return err
	})
	if !errors.Is(err, why) {
		t.Errorf("%v, want the cause", err)
	}
}
