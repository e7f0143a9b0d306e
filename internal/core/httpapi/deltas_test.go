package httpapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

// change makes n servers of the view differ, as one version.
func change(v *stateview.View, n int) {
	v.Update(func(b *stateview.Batch) {
		for i := range n {
			b.UpdateServer(fmt.Sprintf("s%02d", i), func(st *stateview.ServerStatus) { st.Attempt++ })
		}
	})
}

// TestOnlyTheLastEventOfAVersionHasItsID: who is cut off before it must not look
// as if it had read all of the version.
func TestOnlyTheLastEventOfAVersionHasItsID(t *testing.T) {
	s, _, addr := serve(t)
	r := follow(t, dial(t, addr), addr)
	nextEvent(t, r)
	change(s.opt.View, 5)
	for i := range 5 {
		want := ""
		if i == 4 {
			want = "2"
		}
		if e := nextEvent(t, r); e.name != "change" || e.id != want || !strings.HasPrefix(e.data, `{"version":2,"server":{"name":"s0`+strconv.Itoa(i)) {
			t.Errorf("event %d: %+v, want the id %q", i, e, want)
		}
	}
}

// TestWhatCameAndWentMovesTheVersion: a reader that skipped both is not told of a
// server, but its last id is that of the newest version.
func TestWhatCameAndWentMovesTheVersion(t *testing.T) {
	v := sampleView()
	from := v.Snapshot()
	change(v, 1)
	v.RemoveServer("s00")
	if got := string(encodeDelta(from, v.Snapshot())); got != "id: 3\n\n" {
		t.Errorf("got %q", got)
	}
}

func TestReaderThatSkippedIsTold(t *testing.T) {
	v := sampleView()
	from := v.Snapshot()
	change(v, 1)
	change(v, 2)
	r := bufio.NewReader(strings.NewReader(string(encodeDelta(from, v.Snapshot()))))
	for _, want := range []uint64{1, 0} {
		var doc changeJSON
		if err := json.Unmarshal([]byte(nextEvent(t, r).data), &doc); err != nil || doc.Version != 3 || doc.Skipped != want {
			t.Errorf("%+v, %v; want %d skipped", doc, err, want)
		}
	}
}

// TestReadersShareTheEncodingOfAChange: also those that ask at the same time, and
// beside one that skipped.
func TestReadersShareTheEncodingOfAChange(t *testing.T) {
	v := sampleView()
	var snaps []*stateview.Snapshot
	for range 3 {
		snaps = append(snaps, v.Snapshot())
		change(v, 3)
	}
	var d deltas
	var got [20][]byte
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = d.between(snaps[1], snaps[2]) })
	}
	wg.Wait()
	slow := d.between(snaps[0], snaps[2])
	for _, b := range append(got[:], d.between(snaps[1], snaps[2])) {
		if &b[0] != &got[0][0] || &b[0] == &slow[0] {
			t.Fatal("a change was encoded twice")
		}
	}
}

// TestReaderThatComesBack: only one that proves to have read the newest version of
// this run of the program does without a snapshot.
func TestReaderThatComesBack(t *testing.T) {
	s, _, addr := serve(t)
	other, _ := newTest()
	run := "?run=" + s.cache.run
	for _, c := range []struct {
		run, last string
		snapshot  bool
	}{
		{run, "Last-Event-ID: N\r\n", false},
		{run, "Last-Event-ID: 0\r\n", true},
		{run, "Last-Event-ID: 0N\r\n", true},
		{run, "", true},
		{"", "Last-Event-ID: N\r\n", true},
		{"?run=" + other.cache.run, "Last-Event-ID: N\r\n", true},
	} {
		seq := s.opt.View.Snapshot().Seq()
		r := followFrom(t, dial(t, addr), addr, c.run, strings.ReplaceAll(c.last, "N", fmt.Sprint(seq)))
		if c.snapshot {
			if e := nextEvent(t, r); e.name != "snapshot" {
				t.Errorf("%+v: %+v", c, e)
			}
		}
		change(s.opt.View, 1)
		if e := nextEvent(t, r); e.name != "change" || e.id != fmt.Sprint(seq+1) {
			t.Errorf("%+v: %+v", c, e)
		}
	}
}

func TestStreamRefusesParametersThatItDoesNotKnow(t *testing.T) {
	s, _ := newTest()
	for _, q := range []string{"?rum=x", "?run=a&run=b", "?run=%zz", "?run=a;b"} {
		wantError(t, q, call(t, s, "GET", "/api/v1/events"+q, ""), 400, "MPT-HTTP-QUERY")
	}
}
