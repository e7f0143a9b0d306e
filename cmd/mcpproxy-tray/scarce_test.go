//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestFewFiles gives the program 128 file descriptors for 40 servers, which need
// three each. Those that do not fit say so and wait; the API answers; and when there
// is room again they come up by themselves.
func TestFewFiles(t *testing.T) {
	home := t.TempDir()
	const servers = 40
	var entries []string
	for i := range servers {
		entries = append(entries, fmt.Sprintf(`"demo%d": %s`, i, demoEntry))
	}
	path := writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	cmd := command(t, home, nil, "serve")
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `ulimit -n 128; exec "$0" serve`, cmd.Path}
	p := begin(t, home, cmd)
	p.waitUp()
	var connected, waiting []string
	p.wait("all servers to be connected or waiting", func() bool {
		connected, waiting = nil, nil
		for i := range servers {
			name := fmt.Sprintf("demo%d", i)
			switch s, _ := p.server(name); {
			case s.State == "connected":
				connected = append(connected, name)
			case s.State == "backoff" && s.Problem.Code == "MPT-CMD-NOT-NOW":
				waiting = append(waiting, name)
			}
		}
		return len(connected)+len(waiting) == servers
	})
	t.Logf("%d connected, %d wait", len(connected), len(waiting))
	if len(connected) < 5 || len(waiting) < 5 {
		t.Fatalf("%d connected, %d wait: not the case that is meant", len(connected), len(waiting))
	}
	entries = entries[:0]
	for _, name := range waiting[:3] {
		entries = append(entries, fmt.Sprintf(`%q: %s`, name, demoEntry))
	}
	writeFile(t, path, `{"listen": "127.0.0.1:0", "quarantine": false, "mcpServers": {`+strings.Join(entries, ",")+`}}`, 0o600)
	for _, name := range waiting[:3] {
		p.waitState(name, "connected")
	}
}
