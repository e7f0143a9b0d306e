package stateview

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestReadsDoNotAllocate(t *testing.T) {
	v := newView(serverNames(10000), 50)
	ref := v.Ref("server-05000")
	tests := map[string]func(){
		"Snapshot":     func() { v.Snapshot() },
		"GetServer":    func() { v.GetServer("server-05000") },
		"unknown":      func() { v.GetServer("nobody") },
		"Ref":          func() { ref.State(v.Snapshot()); ref.Version(v.Snapshot()); ref.Tools(v.Snapshot()) },
		"Ref.Status":   func() { ref.Status(v.Snapshot()) },
		"CountByState": func() { v.CountByState(Connected) },
		"equal Diff":   func() { Diff(v.Snapshot(), v.Snapshot()) },
	}
	for name, fn := range tests {
		if got := testing.AllocsPerRun(100, fn); got != 0 {
			t.Errorf("%s: %v allocations, want 0", name, got)
		}
	}
}

// TestStatusIsSmall guards what GetServer costs.
func TestStatusIsSmall(t *testing.T) {
	if got := reflect.TypeFor[ServerStatus]().Size(); got > 128 {
		t.Errorf("a ServerStatus takes %d bytes, want at most 128", got)
	}
}

func TestUpdateAllocatesLittle(t *testing.T) {
	for _, n := range []int{10, 10000} {
		v := newView(serverNames(n), 50)
		update := func() { v.UpdateServer("server-00005", func(st *ServerStatus) { st.PID++ }) }
		if got := testing.AllocsPerRun(100, update); got > 5 {
			t.Errorf("%d servers: an update makes %v allocations, want at most 5", n, got)
		}
		nothing := func() { v.UpdateServer("server-00005", func(*ServerStatus) {}) }
		if got := testing.AllocsPerRun(100, nothing); got > 1 {
			t.Errorf("%d servers: an update of nothing makes %v allocations, want at most 1", n, got)
		}
	}
}

// medians returns the median time of each function, measured in turns so that
// whatever else the machine does hits all alike.
func medians(fns ...func()) []time.Duration {
	times := make([][]time.Duration, len(fns))
	for range 51 {
		for i, fn := range fns {
			start := time.Now()
			for range 20 {
				fn()
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	out := make([]time.Duration, len(fns))
	for i, t := range times {
		slices.Sort(t)
		out[i] = t[len(t)/2]
	}
	return out
}

// TestUpdateCostDoesNotGrow would see a copy of all servers (500 times as much)
// and a publisher that visits each subscriber (100 times as much).
func TestUpdateCostDoesNotGrow(t *testing.T) {
	update := func(v *View) func() {
		return func() { v.UpdateServer("server-00005", func(st *ServerStatus) { st.PID++ }) }
	}
	names := serverNames(10000)
	one, crowd := newView(names[:100], 0), newView(names[:100], 0)
	defer stuckWatchers(t, one, 1)()
	defer stuckWatchers(t, crowd, 1000)()
	got := medians(update(newView(names[:10], 50)), update(newView(names, 50)), update(one), update(crowd))
	if got[1] > 12*got[0] {
		t.Errorf("20 updates take %v with 10 servers, %v with 10,000: more than 12 times as long", got[0], got[1])
	}
	if got[3] > 4*got[2] {
		t.Errorf("20 publishes take %v with 1 subscriber, %v with 1,000: more than 4 times as long", got[2], got[3])
	}
}
