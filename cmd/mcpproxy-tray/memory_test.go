//go:build linux

package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLittleMemory gives each process of the program and its servers 300 MB, which
// the system enforces, and asks the collector to stay below 48: 120 calls of 512 kB,
// 20 at a time, are answered, and it is the same process afterwards.
func TestLittleMemory(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
	cmd := command(t, home, []string{"GOMEMLIMIT=48MiB"}, "serve")
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `ulimit -d 300000; exec "$0" serve`, cmd.Path}
	p := begin(t, home, cmd)
	p.waitUp()
	p.waitState("demo", "connected")
	app := p.app
	from := newCaller(t, p, "one", false)
	text := strings.Repeat("x", 512<<10)
	var next, wrong atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for n := next.Add(1); n <= 120; n = next.Add(1) {
				a, err := from.call(int(n), "demo__echo", fmt.Sprintf(`{"text":%q}`, text))
				if err != nil || a.text() != text {
					if wrong.Add(1) == 1 {
						t.Errorf("call %d: %+v, %v", n, a.Error, err)
					}
				}
			}
		})
	}
	all.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of 120 calls failed", n)
	}
	inst, ok := readInstanceFile(home)
	if !ok || inst.PID != app {
		t.Errorf("process %d is now %+v", app, inst)
	}
	if a, err := from.call(1000, "demo__echo", `{"text":"after"}`); err != nil || a.text() != "after" {
		t.Errorf("afterwards: %+v, %v", a.Error, err)
	}
	t.Logf("%d kB resident at most", statusField(t, fmt.Sprintf("/proc/%d/status", app), "VmHWM:"))
}
