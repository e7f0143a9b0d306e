//go:build linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nuisances are what 20 servers do beside a good one, in turn.
var nuisances = []string{
	"flood-stdout",
	"flood-stderr",
	"hang@tools/list",
	"exit=1",
	"life=300ms",
	"churn=1000",
	"endless-line=200M",
	"garbage=lines;garbage=binary;hang@initialize",
	"deaf",
	"flood-stdout;flood-stderr;exit=KILL@message:3",
}

const (
	nuisanceServers = 20
	messageLimit    = 16 << 20 // of one message from a server, the default
)

// TestIsolation measures calls to a good server before and while 20 others flood, hang
// and crash. What they compute counts as theirs: they are "nice", so that the
// processors are left to the program and the good server when these want them.
func TestIsolation(t *testing.T) {
	home := t.TempDir()
	w := newWitness()
	good := evilEntry(t, "good", "", "-token", w.token)
	writeConfig(t, home, good, `"quarantine": false,`)
	p := run(t, home, nil, "serve", "--log-level", "error")
	p.waitState("good", "connected")
	from := newCaller(t, p, "caller", true)
	const calls = 1000
	latencies(t, from, calls/4) // the first of anything is slow
	before, rss := latencies(t, from, calls), usage(t, p.app).rss

	entries := []string{good}
	for i := range nuisanceServers {
		entries = append(entries, niceEntry(t, fmt.Sprint("bad", i), nuisances[i%len(nuisances)], w))
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false, "start_timeout": "2s",`)
	p.wait("all servers to be there", func() bool {
		status, _ := p.server(fmt.Sprint("bad", nuisanceServers-1))
		return status.State != ""
	})
	begin := time.Now()
	during := latencies(t, from, 3*calls)
	took := time.Since(begin)
	peak := statusField(t, fmt.Sprintf("/proc/%d/status", p.app), "VmHWM:") << 10
	if s, _ := p.server("good"); s.State != "connected" {
		t.Errorf("the good server is %s", s.State)
	}
	alone, beside, grown := percentile(before, 0.99), percentile(during, 0.99), peak-rss
	report(t, "p99 of calls to a good server, alone; beside 20 bad ones", "≤ 2 times", ms(alone)+"; "+ms(beside))
	report(t, "peak of RSS above that before", "≤ 48 MB", fmt.Sprintf("%.1f MB", float64(grown)/(1<<20)))
	if beside > 10*alone+50*time.Millisecond || grown > 4*messageLimit {
		t.Errorf("p99 %v alone, %v beside bad servers; RSS grew by %d MB", alone, beside, grown>>20)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // so that the second one need not wait for the bad
	record(t, result{
		Promise: "20 servers that flood, hang and crash at once do not slow calls to a good one (p99 ≤ 2 times), and cost at most 3 times the message limit of memory",
		Did:     fmt.Sprintf("%d calls alone, %d beside them; their processes are niced", calls, 3*calls),
		Count:   1, Failures: missed(t, beside > 2*alone || grown > 3*messageLimit), Took: took,
		Worst: fmt.Sprintf("p99 %s alone, %s beside them (median %s and %s); RSS at most %.1f MB more",
			ms(alone), ms(beside), ms(percentile(before, 0.5)), ms(percentile(during, 0.5)), float64(grown)/(1<<20)),
	})
}

// niceEntry is an evilserver of the lowest priority.
func niceEntry(t *testing.T, name, script string, w witness) string {
	return fmt.Sprintf(`%q: {"command": "nice", "args": ["-n", "19", %q, "-script", %q, "-token", %q]}`, name, evilPath(t), script, w.token)
}

// latencies makes calls to the good server, one after the other.
func latencies(t *testing.T, from *caller, n int) []time.Duration {
	t.Helper()
	all := make([]time.Duration, n)
	for i := range all {
		began := time.Now()
		a, err := from.call(i, "good__echo", `{"text":"hello"}`)
		if err != nil || a.text() != "hello" {
			t.Fatalf("call %d: %+v, %v", i, a.Error, err)
		}
		all[i] = time.Since(began)
	}
	return all
}
