//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAPausedCallGetsAReason wants what a client is told while calls are paused, and its list as ever.
func TestAPausedCallGetsAReason(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, `"demo": {"command": "mcpproxy-tray", "args": ["demo-server"]}`, `"quarantine": false,`)
	writeFile(t, filepath.Join(home, "switches.json"), `{"paused": true}`, 0o600)
	p := run(t, home, nil, "serve")
	p.waitState("demo", "connected")
	a, err := newCaller(t, p, "patient", true).call(1, "demo__echo", `{"text":"x"}`)
	if err != nil || a.Error == nil || !strings.Contains(a.Error.Message, `The server "demo" was not asked. Calls are paused in mcpproxy-tray`) {
		t.Errorf("a call while paused got %+v, %v", a.Error, err)
	}
}
