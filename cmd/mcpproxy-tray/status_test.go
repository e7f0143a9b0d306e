//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestStatusIsQuick runs "status" as a prompt or a status bar does, again and again.
func TestStatusIsQuick(t *testing.T) {
	const limit, runs = 30 * time.Millisecond, 20
	for _, servers := range []int{8, 1000} {
		var entries []string
		for i := range servers {
			entries = append(entries, fmt.Sprintf(`"demo%d": {"command": "nosuch", "disabled": %t}`, i, i >= 8))
		}
		home := t.TempDir()
		writeConfig(t, home, strings.Join(entries, ","), "")
		prog := run(t, home, nil, "serve")
		var took []time.Duration
		for range runs {
			begin := time.Now()
			code, out, errOut := cli(t, home, "status")
			took = append(took, time.Since(begin))
			if code != 0 || strings.Count(out, "\n") != servers+3 {
				t.Fatalf("status ends with %d and prints %d lines: %s", code, strings.Count(out, "\n"), errOut)
			}
		}
		prog.stop()
		p50, p99 := percentile(took, 0.5), percentile(took, 0.99)
		report(t, fmt.Sprintf("`status` of %d servers, median; slowest of %d", servers, runs), "≤ 30 ms", ms(p50)+"; "+ms(p99))
		if p50 > 2*limit {
			t.Errorf("status of %d servers takes %v, want %v", servers, p50, limit)
		}
	}
}
