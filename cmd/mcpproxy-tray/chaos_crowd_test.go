//go:build linux

package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var crowd = flag.Int("crowd", 2000, "calls of TestCrowd at the same time; 10,000 need 20,000 open files")

// TestCrowd makes thousands of calls at once to ten servers. Each gets an answer: its
// result, or that the server is busy.
func TestCrowd(t *testing.T) {
	const servers = 10
	home := t.TempDir()
	book := filepath.Join(home, "ledger")
	entries := ""
	for i := range servers {
		if i > 0 {
			entries += ","
		}
		entries += evilEntry(t, fmt.Sprint("s", i), "", "-ledger", book)
	}
	writeConfig(t, home, entries, `"quarantine": false,`)
	p := run(t, home, nil, "serve", "--log-level", "error")
	for i := range servers {
		p.waitState(fmt.Sprint("s", i), "connected")
	}
	callers := []*caller{newCaller(t, p, "old", false), newCaller(t, p, "new", true)}
	var all sync.WaitGroup
	var lost, refused atomic.Int64
	begin := time.Now()
	for n := range *crowd {
		all.Go(func() {
			id := fmt.Sprint("call", n)
			a, err := callers[n%2].call(n, fmt.Sprintf("s%d__sleep", n%servers), fmt.Sprintf(`{"id":%q,"text":%q,"seconds":1}`, id, id))
			switch {
			case err != nil:
				lost.Add(1)
				t.Error(err)
			case a.Error != nil:
				refused.Add(1)
			case a.text() != id:
				lost.Add(1)
				t.Errorf("%s got the answer %q", id, a.text())
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	lost.Add(int64(doubles(t, ledger(t, book))))
	peak := float64(statusField(t, fmt.Sprintf("/proc/%d/status", p.app), "VmHWM:")) / 1024
	report(t, fmt.Sprintf("%d calls at once: time, peak of RSS, busy answers", *crowd), "10,000: ≤ 60 s, ≤ 300 MB", fmt.Sprintf("%v, %.0f MB, %d", took.Round(time.Millisecond), peak, refused.Load()))
	if peak > 300 || took > time.Minute {
		t.Errorf("took %v and %.0f MB", took, peak)
	}
	record(t, result{
		Promise: "Thousands of calls at the same time are all answered, within 60 s and 300 MB",
		Did:     fmt.Sprintf("%d calls at once to %d servers that take a second each", *crowd, servers),
		Count:   *crowd, Failures: int(lost.Load()), Took: took,
		Worst: fmt.Sprintf("%v for all; RSS at most %.0f MB; %d told that the server is busy", took.Round(time.Millisecond), peak, refused.Load()),
	})
}
