package history

import (
	"reflect"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
)

func TestMeasure(t *testing.T) {
	// change makes the change of number seq at a second.
	change := func(seq uint64, second int, from, to string) Entry {
		return Entry{Seq: seq, Server: "s", At: at(second), From: from, To: to}
	}
	now := at(1000)
	one := []run{{1, at(0), now}}
	for name, c := range map[string]struct {
		changes []Entry
		runs    []run
		since   time.Time
		want    Uptime
	}{
		"up since its start": {[]Entry{change(2, 0, "disabled", "connecting"), change(3, 10, "connecting", "connected")}, one, time.Time{},
			Uptime{"s", at(0), 990 * time.Second, 10 * time.Second, 0}},
		"lost and healed": {[]Entry{change(2, 0, "disabled", "connecting"), change(3, 100, "connecting", "connected"), change(4, 300, "connected", "backoff"),
			change(5, 310, "backoff", "connecting"), change(6, 320, "connecting", "backoff"), change(7, 390, "backoff", "connecting"), change(8, 400, "connecting", "connected")}, one, time.Time{},
			Uptime{"s", at(0), 800 * time.Second, 200 * time.Second, 1}},
		"a window": {[]Entry{change(2, 0, "connecting", "connected"), change(3, 300, "connected", "failed")}, one, at(200),
			Uptime{"s", at(200), 100 * time.Second, 700 * time.Second, 1}},
		"a failure before the window": {[]Entry{change(2, 0, "connecting", "connected"), change(3, 300, "connected", "failed")}, one, at(400),
			Uptime{"s", at(400), 0, 600 * time.Second, 0}},
		"switched off and on": {[]Entry{change(2, 0, "connecting", "connected"), change(3, 100, "connected", "stopping"), change(4, 101, "stopping", "disabled"),
			change(5, 500, "disabled", "connecting"), change(6, 510, "connecting", "connected")}, one, time.Time{},
			Uptime{"s", at(0), 590 * time.Second, 10 * time.Second, 0}},
		"held back": {[]Entry{change(2, 0, "disabled", "quarantined")}, one, time.Time{}, Uptime{"s", at(0), 0, 0, 0}},
		"the program did not run": {[]Entry{change(2, 0, "connecting", "connected"), change(4, 600, "connecting", "connected")},
			[]run{{1, at(0), at(100)}, {3, at(590), now}}, time.Time{}, Uptime{"s", at(0), 500 * time.Second, 0, 0}},
		"removed and added again": {[]Entry{change(2, 0, "connecting", "failed"), change(3, 500, "disabled", "connected")}, one, time.Time{},
			Uptime{"s", at(500), 500 * time.Second, 0, 0}},
		"the clock went back": {[]Entry{change(2, 500, "connecting", "connected"), change(3, 400, "connected", "backoff")}, one, time.Time{},
			Uptime{"s", at(400), 0, 600 * time.Second, 1}},
	} {
		got, ok := measure(c.changes, c.runs, c.since, now)
		if !ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, ok, c.want)
		}
	}
	if got, ok := measure([]Entry{change(2, 0, "connecting", "connected")}, []run{{3, at(0), now}}, time.Time{}, now); ok {
		t.Errorf("something is known of a run that is not: %+v", got)
	}
}

func TestShareAndMTBF(t *testing.T) {
	u := Uptime{Up: 3 * time.Hour, Down: time.Hour, Failures: 2}
	share, ok := u.Share()
	mean, failed := u.MTBF()
	if share != 0.75 || !ok || mean != 90*time.Minute || !failed {
		t.Errorf("%v %v, %v %v", share, ok, mean, failed)
	}
	if _, ok := (Uptime{}).Share(); ok {
		t.Error("no time has a share")
	}
	if _, ok := (Uptime{Up: time.Hour}).MTBF(); ok {
		t.Error("no failure has a mean time between")
	}
}

// TestUptimeOverARestart wants the time between two runs not counted.
func TestUptimeOverARestart(t *testing.T) {
	path := dbPath(t)
	began := time.Now()
	h := begin(t, path)
	h.Changed(Transition{Server: "s", From: "connecting", To: "connected", At: time.Now().Round(0)})
	h.Record(call.Record{Server: "s", At: time.Now()})
	h.stop()
	first := time.Since(began)
	gap := time.Now()
	for time.Since(gap) < 300*time.Millisecond { // the program does not run
	}
	again := time.Now()
	h = begin(t, path)
	h.Changed(Transition{Server: "s", From: "connecting", To: "connected", At: time.Now().Round(0)})
	h.Changed(Transition{Server: "other", From: "connecting", To: "connected", At: time.Now().Round(0)})
	list, err := h.Uptime(t.Context(), "s", time.Time{})
	if err != nil || len(list) != 1 {
		t.Fatalf("Uptime() = %+v, %v", list, err)
	}
	if u := list[0]; u.Up <= 0 || u.Up > first+time.Since(again)+2*time.Millisecond || u.Down != 0 || u.Server != "s" {
		t.Errorf("Uptime() = %+v, want at most %v", u, first+time.Since(again))
	}
	if list, err := h.Uptime(t.Context(), "", time.Time{}); err != nil || len(list) != 2 {
		t.Errorf("Uptime() of all = %+v, %v", list, err)
	}
}
