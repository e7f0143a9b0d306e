//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A pastDoc is the API's document of a history.
type pastDoc struct {
	Entries []historyEntry
	Next    string
	Dropped int
}

// past asks a program for its history.
func (p *program) past(query string) pastDoc {
	p.t.Helper()
	status, body := p.api(http.MethodGet, "/api/v1/history?"+query, "")
	var doc pastDoc
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != http.StatusOK {
		p.t.Fatalf("history: %d %s", status, body)
	}
	return doc
}

// TestHistorySurvivesAKill kills the program while clients call, again and again: what
// was told before is still there, and the time in which it did not run is not counted.
func TestHistorySurvivesAKill(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
	p := run(t, home, nil, "serve")
	seen, n := map[string]bool{}, 0
	for range 3 {
		p.waitState("demo", "connected")
		c := newCaller(t, p, "patient", true)
		for range 30 {
			n++
			if a, err := c.call(n, "demo__echo", fmt.Sprintf(`{"text":"%s"}`, strings.Repeat("x", n))); err != nil || a.Error != nil {
				t.Fatalf("call %d: %+v, %v", n, a.Error, err)
			}
		}
		for _, e := range p.past("kind=calls&limit=1000").Entries {
			seen[fmt.Sprint(e.Sent, e.At)] = true
		}
		if len(seen) != n {
			t.Fatalf("%d calls are told of %d", len(seen), n)
		}
		dead := p.app
		_ = syscall.Kill(dead, syscall.SIGKILL) // it may write at this moment
		p.wait("the guard to start it again", func() bool {
			inst, ok := readInstanceFile(home)
			return ok && inst.PID != dead
		})
		p.waitUp()
	}
	p.waitState("demo", "connected")
	still := map[string]bool{}
	for _, e := range p.past("kind=calls&limit=1000").Entries {
		still[fmt.Sprint(e.Sent, e.At)] = true
	}
	for key := range seen {
		if !still[key] {
			t.Errorf("a call is lost: %s", key)
		}
	}
	if _, body := p.api(http.MethodGet, "/api/v1/status", ""); strings.Contains(body, "MPT-HISTORY") {
		t.Errorf("status: %s", body)
	}
	var up struct{ Servers []serverUptime }
	_, body := p.api(http.MethodGet, "/api/v1/history/uptime", "")
	if err := json.Unmarshal([]byte(body), &up); err != nil || len(up.Servers) != 1 || up.Servers[0].Failures != 0 || up.Servers[0].Uptime == nil {
		t.Errorf("uptime: %s, %v", body, err)
	}
}

// TestCallsGoOnWithoutHistory takes the disk away below the history while clients call.
func TestCallsGoOnWithoutHistory(t *testing.T) {
	home := t.TempDir()
	full := fillable(t, home)
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false, "history": {"payloads": true},`)
	code := "MPT-HISTORY-FULL"
	if full == nil {
		code = "MPT-HISTORY-FAILED"
		if err := os.Mkdir(filepath.Join(home, "history.db"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := run(t, home, nil, "serve")
	p.waitState("demo", "connected")
	c := newCaller(t, p, "patient", true)
	n := 0
	calls := func(some int) {
		t.Helper()
		for range some {
			n++
			if a, err := c.call(n, "demo__echo", `{"text":"`+strings.Repeat("x", 4000)+`"}`); err != nil || a.Error != nil {
				t.Fatalf("call %d: %+v, %v", n, a.Error, err)
			}
		}
	}
	status := func() string {
		_, body := p.api(http.MethodGet, "/api/v1/status", "")
		return body
	}
	calls(5)
	if full == nil {
		p.wait(code, func() bool { return strings.Contains(status(), code) })
		calls(50)
		if got, body := p.api(http.MethodGet, "/api/v1/history", ""); got != http.StatusServiceUnavailable || !strings.Contains(body, code) {
			t.Errorf("history: %d %s", got, body)
		}
		return
	}
	if got := len(p.past("kind=calls").Entries); got != 5 {
		t.Fatalf("%d calls before the disk is full", got)
	}
	free := full()
	calls(100)
	p.wait(code, func() bool { calls(1); return strings.Contains(status(), code) })
	if got := len(p.past("kind=calls&limit=1000").Entries); got < 5 || got >= n {
		t.Errorf("%d of %d calls are told while the disk is full", got, n)
	}
	if got, stdout, _ := cli(t, home, "status"); got != 0 || !strings.Contains(stdout, "no space left for the history") {
		t.Errorf("status: %d %s", got, stdout)
	}
	free()
	p.wait("the history to go on", func() bool { return !strings.Contains(status(), code) })
	calls(1)
	if doc := p.past("kind=calls&limit=1000"); len(doc.Entries)+doc.Dropped != n {
		t.Errorf("%d calls are told and %d dropped of %d", len(doc.Entries), doc.Dropped, n)
	}
}

// fillable puts a small disk in a folder's place and returns what fills it, which
// returns what frees it. It returns nil where no disk can be mounted.
func fillable(t *testing.T, dir string) (fill func() (free func())) {
	t.Helper()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700")
	if errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return func() func() {
		path := filepath.Join(dir, "filler")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for deadline := time.Now().Add(patience); err == nil && time.Now().Before(deadline); {
			_, err = f.Write(make([]byte, 4096))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk does not become full: %v", err)
		}
		return func() {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
}
