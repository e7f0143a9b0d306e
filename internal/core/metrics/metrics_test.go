package metrics

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// hostile are names that a configuration may have.
var hostile = []string{"plain", `quo"te`, `back\slash`, "line\nfeed", "bad\xffutf8", "{a=\"b\"} 1", "", "# TYPE x counter", "日本語"}

// sample returns the counts of a program that has done a bit of everything.
func sample(t *testing.T) *Program {
	t.Helper()
	v := stateview.New()
	p := New(v, `1.0 "test"`)
	v.Update(func(b *stateview.Batch) {
		for _, name := range hostile {
			b.UpdateServer(name, func(st *stateview.ServerStatus) {
				st.State = stateview.Connected
				st.Tools = stateview.NewToolList([]stateview.Tool{{Name: "a"}, {Name: "b", Held: true}})
			})
		}
	})
	for i, name := range hostile {
		for r := range numResults {
			for range i {
				p.Begin(name).End(r)
			}
		}
		p.Changed(name, stateview.Connected, stateview.Backoff)
		p.Changed(name, stateview.Backoff, stateview.Connecting)
	}
	for _, c := range p.consumers()[1:] {
		took, _ := c.Follow()
		took(v.Snapshot(), true)
	}
	p.Event(time.Millisecond)
	p.Notified(true)
	p.Notified(false)
	return p
}

func written(t *testing.T, p *Program) string {
	t.Helper()
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// want checks that these lines are among what is written.
func want(t *testing.T, p *Program, lines ...string) {
	t.Helper()
	got := strings.Split(written(t, p), "\n")
	for _, l := range lines {
		if !slices.Contains(got, prefix+l) {
			t.Errorf("no line %s%s in\n%s", prefix, l, strings.Join(got, "\n"))
		}
	}
}

// TestPrometheusReads has Prometheus' own parser read all that we write.
func TestPrometheusReads(t *testing.T) {
	out := written(t, sample(t))
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir = "../../../.ci/prometheus"
	cmd.Stdin = strings.NewReader(out)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	read, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, complaint.String(), out)
	}
	got := strings.Split(strings.TrimSpace(string(read)), "\n")
	for i, name := range hostile {
		line := fmt.Sprintf("%scalls_total COUNTER server=%q result=%q %d", prefix, strings.ToValidUTF8(name, "\uFFFD"), "timeout", i)
		if !slices.Contains(got, line) {
			t.Errorf("Prometheus does not read %s", line)
		}
	}
	for _, line := range []string{"goroutines GAUGE ", "event_seconds HISTOGRAM 1", `tools GAUGE gate="held" 9`} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, prefix+line) }) {
			t.Errorf("Prometheus does not read %s", line)
		}
	}
	// A histogram is one sample of many lines, of which one is its count.
	lines := len(regexp.MustCompile(`(?m)^[^#]`).FindAllString(out, -1))
	parts := len(regexp.MustCompile(`(?m)^[a-z_]+_(bucket|sum)[{ ]`).FindAllString(out, -1))
	if len(got) != lines-parts {
		t.Errorf("Prometheus reads %d samples, want %d", len(got), lines-parts)
	}
}

func TestFollowersAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := stateview.New()
		p := New(v, "")
		publish := func() { v.UpdateServer("a", func(st *stateview.ServerStatus) { st.PID++ }) }
		took, left := p.Menu.Follow()
		took(v.Snapshot(), true) // the first is not late
		want(t, p, `propagation_seconds_count{consumer="menu"} 0`, `snapshot_subscribers{consumer="menu"} 1`)
		publish()
		time.Sleep(200 * time.Millisecond)
		publish()
		publish()
		time.Sleep(40 * time.Millisecond)
		took(v.Snapshot(), true) // skips two, and is as late as the first of them was
		took(v.Snapshot(), true) // the same again
		publish()
		took(v.Snapshot(), false) // nothing to show
		want(t, p,
			`propagation_seconds_bucket{consumer="menu",le="0.1"} 0`, `propagation_seconds_bucket{consumer="menu",le="0.25"} 1`,
			`propagation_seconds_sum{consumer="menu"} 0.24`, `propagation_seconds_count{consumer="menu"} 1`,
			`snapshot_reads_total{consumer="menu"} 4`, `snapshot_skipped_total{consumer="menu"} 2`,
			`publish_seconds_count 4`, `snapshot_version 4`)
		left()
		want(t, p, `snapshot_subscribers{consumer="menu"} 0`)
	})
}

func TestCallsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := stateview.New()
		p := New(v, "")
		v.UpdateServer("a", func(st *stateview.ServerStatus) { st.State = stateview.Connected })
		slow, quick := p.Begin("a"), p.Begin("a")
		time.Sleep(20 * time.Millisecond)
		quick.End(Refused)
		want(t, p, "calls_open 1", `calls_total{server="a",result="error"} 1`, `call_seconds_bucket{le="0.025"} 1`)
		time.Sleep(time.Hour)
		slow.End(OK)
		p.Begin("nobody").End(OK) // is no label
		want(t, p, "calls_open 0", `calls_total{server="a",result="ok"} 1`, `call_seconds_bucket{le="120"} 2`, `call_seconds_bucket{le="+Inf"} 3`, "call_seconds_count 3")
		if strings.Contains(written(t, p), "nobody") {
			t.Error("a server that there is not has a label")
		}
	})
}

func TestRestartsAreThoseAfterTheFirst(t *testing.T) {
	v := stateview.New()
	p := New(v, "")
	v.UpdateServer("a", func(*stateview.ServerStatus) {})
	state := stateview.Disabled
	for _, next := range []stateview.State{stateview.Connecting, stateview.Connected, stateview.Backoff, stateview.Connecting, stateview.Failed, stateview.Connecting, stateview.Connected, stateview.Stopping} {
		p.Changed("a", state, next)
		state = next
	}
	want(t, p, `restarts_total{server="a"} 2`, `failures_total{server="a"} 2`)
}

// TestServersLeaveNothing: labels are of servers there are, also when nobody reads them.
func TestServersLeaveNothing(t *testing.T) {
	v := stateview.New()
	p := New(v, "")
	for i := range 1000 {
		name := fmt.Sprint("server-", i)
		v.UpdateServer(name, func(*stateview.ServerStatus) {})
		p.Begin(name).End(OK)
		v.RemoveServer(name)
	}
	n := 0
	p.servers.all.Range(func(any, any) bool { n++; return true })
	if n > 1 {
		t.Errorf("%d servers are remembered, of which none is there", n)
	}
	if out := written(t, p); strings.Contains(out, `server="`) {
		t.Errorf("servers that were removed:\n%s", out)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	p := sample(t)
	v := p.view
	took, _ := p.Endpoint.Follow()
	for name, fn := range map[string]func(){
		"read":         func() { p.API.Read(); v.Snapshot() },
		"call":         func() { p.Begin("plain").End(OK) },
		"event":        func() { p.Event(time.Second) },
		"notification": func() { p.Notified(true) },
		"transition":   func() { p.Changed("plain", stateview.Connected, stateview.Backoff) },
		"follower":     func() { took(v.Snapshot(), true) },
	} {
		if got := testing.AllocsPerRun(100, fn); got != 0 {
			t.Errorf("%s: %v allocations, want 0", name, got)
		}
	}
}

// TestTotalsHoldWhileCounted: a histogram's count is that of its last bucket, and grows.
func TestTotalsHoldWhileCounted(t *testing.T) {
	p := New(stateview.New(), "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				p.Event(time.Duration(i) * time.Millisecond)
				p.Menu.Read()
			}
		})
	}
	line := regexp.MustCompile(`mcpproxy_tray_event_seconds_(?:bucket\{le="\+Inf"\}|count) (\d+)`)
	for range 50 {
		got := line.FindAllStringSubmatch(written(t, p), -1)
		if len(got) != 2 || got[0][1] != got[1][1] {
			t.Fatalf("last bucket and count: %q", got)
		}
	}
	wg.Wait()
	want(t, p, "event_seconds_count 8000", `snapshot_reads_total{consumer="menu"} 8000`)
}

func BenchmarkRead(b *testing.B) {
	const reads = 1000
	p := New(stateview.New(), "")
	var sink uint64
	for name, fn := range map[string]func(){
		"snapshot alone": func() {
			for range reads {
				sink += p.view.Snapshot().Seq()
			}
		},
		"one counted piece of work each": func() {
			for range reads {
				p.API.Read()
				sink += p.view.Snapshot().Seq()
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/reads, "ns/read")
		})
	}
}

func BenchmarkCall(b *testing.B) {
	v := stateview.New()
	p := New(v, "")
	v.UpdateServer("a", func(*stateview.ServerStatus) {})
	b.ReportAllocs()
	for b.Loop() {
		p.Begin("a").End(OK)
	}
}

func BenchmarkWrite(b *testing.B) {
	v := stateview.New()
	p := New(v, "")
	v.Update(func(batch *stateview.Batch) {
		for i := range 1000 {
			batch.UpdateServer(fmt.Sprint("server-", i), func(*stateview.ServerStatus) {})
		}
	})
	for i := range 1000 {
		p.Begin(fmt.Sprint("server-", i)).End(OK)
	}
	var out strings.Builder
	for b.Loop() {
		out.Reset()
		_ = p.Write(&out) // never fails
	}
	b.ReportMetric(float64(out.Len()), "bytes")
}
