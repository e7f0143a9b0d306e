//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A mirror is what a reader of the stream knows: each server's document by name.
type mirror struct {
	name string

	mu        sync.Mutex // guards what follows
	version   uint64
	servers   map[string]any
	snapshots int
	err       error
}

// take applies one event.
func (m *mirror) take(event, id string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var doc struct {
		Version uint64
		Servers []map[string]any
		Server  map[string]any
		Removed string
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		m.err = fmt.Errorf("%s %s: %w", event, data, err)
		return
	}
	switch {
	case event == "snapshot":
		m.servers = map[string]any{}
		m.snapshots++
		for _, s := range doc.Servers {
			m.servers[s["name"].(string)] = s
		}
	case m.servers == nil:
		m.err = fmt.Errorf("a change came before a snapshot: %s", data)
	case doc.Server != nil:
		m.servers[doc.Server["name"].(string)] = doc.Server
	default:
		delete(m.servers, doc.Removed)
	}
	if id == fmt.Sprint(doc.Version) {
		m.version = doc.Version // all of it was read
	}
}

// agrees reports whether the mirror is what /api/v1/servers says.
func (m *mirror) agrees(t testing.TB, body string) bool {
	t.Helper()
	var doc struct {
		Version uint64
		Servers []map[string]any
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		t.Fatalf("%s: %v", m.name, m.err)
	}
	want := map[string]any{}
	for _, s := range doc.Servers {
		want[s["name"].(string)] = s
	}
	return m.version == doc.Version && reflect.DeepEqual(m.servers, want)
}

// follower starts a program that follows a stream until the test ends; read takes what it prints.
func follower(t testing.TB, name string, read func(*mirror, io.Reader), command string, args ...string) *mirror {
	t.Helper()
	m := &mirror{name: name}
	cmd := exec.Command(command, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { read(m, out) })
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		reading.Wait()
		_ = cmd.Wait() // it was killed
	})
	return m
}

// readEventSource reads what testdata/eventsource.mjs prints.
func readEventSource(m *mirror, out io.Reader) {
	for dec := json.NewDecoder(out); ; {
		var e struct {
			Type, ID string
			Data     json.RawMessage
		}
		if dec.Decode(&e) != nil {
			return // it was killed
		}
		m.take(e.Type, e.ID, e.Data)
	}
}

// readCurl reads a stream as it is on the wire, also over its restarts.
func readCurl(m *mirror, out io.Reader) {
	var event, id string
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		switch field, value, _ := strings.Cut(sc.Text(), ": "); field {
		case "event":
			event, id = value, ""
		case "id":
			id = value
		case "data":
			m.take(event, id, []byte(value))
		}
	}
}

// curlLoop is the command that docs/http-api.md shows.
func curlLoop(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^    (while sleep .*curl.*)$`).FindStringSubmatch(documents(t)["../../docs/http-api.md"])
	if m == nil {
		t.Fatal("docs/http-api.md does not show how curl follows the stream")
	}
	return m[1]
}

// TestStreamIsFollowedOverRestarts: a reader from npm that comes back by itself, and
// curl in a loop, know what the program knows after each restart of a server and of it.
func TestStreamIsFollowedOverRestarts(t *testing.T) {
	p := findPeers(t)
	home := t.TempDir()
	writeConfig(t, home, `"demo": {"command": "mcpproxy-tray", "args": ["demo-server"]}, "off": {"command": "x", "disabled": true}`, `"quarantine": false,`)
	prog := run(t, home, nil, "serve")
	address := strings.TrimPrefix(prog.url, "http://")
	module, err := filepath.Abs("../../.ci/npm/node_modules/eventsource/dist/index.js")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/eventsource.mjs")
	if err != nil {
		t.Fatal(err)
	}
	readers := map[string]*mirror{
		"EventSource": follower(t, "EventSource", readEventSource, p.node, script, module, prog.url+"/api/v1/events", prog.admin),
		"curl":        follower(t, "curl", readCurl, "/usr/bin/env", "URL="+prog.url, "TOKEN="+prog.admin, "sh", "-c", curlLoop(t)),
	}
	agree := func(after string) {
		t.Helper()
		for _, name := range slices.Sorted(maps.Keys(readers)) {
			prog.wait(name+" to know all after "+after, func() bool {
				_, body := prog.api("GET", "/api/v1/servers", "")
				return readers[name].agrees(t, body)
			})
		}
	}
	first := prog.waitState("demo", "connected")
	agree("the start")

	if status, body := prog.api("POST", "/api/v1/servers/demo/restart", ""); status != 200 {
		t.Fatalf("restart: %d %s", status, body)
	}
	second := prog.waitPID("demo", first.PID)
	agree("a restart of the server")
	if err := syscall.Kill(second.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	prog.waitPID("demo", second.PID)
	agree("the death of the server")
	if status, body := prog.api("DELETE", "/api/v1/servers/off", ""); status != 200 {
		t.Fatalf("remove: %d %s", status, body)
	}
	agree("a removal")

	prog.stop()
	prog = run(t, home, nil, "serve", "--listen", address)
	prog.waitState("demo", "connected")
	agree("a restart of the program")

	killed := prog.app
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	prog.wait("the guard to start the program again", func() bool {
		inst, ok := readInstanceFile(home)
		prog.app = inst.PID
		return ok && inst.PID != killed
	})
	prog.waitState("demo", "connected")
	agree("the death of the program")
	for name, m := range readers {
		m.mu.Lock()
		if m.snapshots < 3 {
			t.Errorf("%s: %d snapshots over three runs of the program", name, m.snapshots)
		}
		m.mu.Unlock()
	}
}

// waitPID waits until a server is connected as another process.
func (p *program) waitPID(name string, old int) (s serverDoc) {
	p.t.Helper()
	p.wait("server "+name+" to be connected anew", func() bool {
		s, _ = p.server(name)
		return s.State == "connected" && s.PID != 0 && s.PID != old
	})
	return s
}
