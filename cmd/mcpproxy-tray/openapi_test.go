//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/httpapi/apitest"
)

// TestAnswersAreAsDescribed compares what a running program answers with
// docs/openapi.json: every operation, on servers of several states.
func TestAnswersAreAsDescribed(t *testing.T) {
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	writeConfig(t, home, `"demo": {"command": "mcpproxy-tray", "args": ["demo-server"]}, "off": {"command": "x", "disabled": true},
		"odd": {"command": `+strconv.Quote(oddPath(t))+`}, "broken": {"command": "no-such-command-here"}, "far": {"url": "http://127.0.0.1:9/mcp"}`, "")
	prog := run(t, home, nil, "serve")
	answered := map[string]bool{}
	ask := func(method, target, body string, status int) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, prog.url+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+prog.admin)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status {
			t.Fatalf("%s %s: %s %s, %v; want %d", method, target, res.Status, data, err, status)
		}
		if err := d.Check(method, target, res.StatusCode, res.Header, data); err != nil {
			t.Error(err)
		}
		op, _ := d.Find(method, target)
		answered[op.Method+" "+op.Path] = true
		return string(data)
	}
	for _, name := range []string{"demo", "broken", "far", "odd"} {
		s := prog.waitState(name, "quarantined")
		ask("GET", "/api/v1/approvals", "", 200)
		id, _, _ := strings.Cut(between(t, ask("GET", "/api/v1/servers/"+name, "", 200), `"launch_id":"`), `"`)
		ask("POST", "/api/v1/servers/"+s.Name+"/approve", `{"launch_id":"`+id+`"}`, 200)
	}
	ask("POST", "/api/v1/servers/demo/approve", `{"launch_id":"stale"}`, 409)
	prog.waitState("demo", "connected")
	prog.waitState("broken", "failed")
	prog.waitState("far", "backoff")
	prog.waitState("odd", "connected")
	if code, _, errOut := cli(t, home, "tools", "call", "odd__change", `{"what":["tools"]}`); code != 0 {
		t.Fatal(errOut)
	}
	prog.wait("a held tool", func() bool { return strings.Contains(ask("GET", "/api/v1/approvals", "", 200), `"late"`) })
	hash, _, _ := strings.Cut(between(t, ask("GET", "/api/v1/approvals", "", 200), `"tool":"late","hash":"`), `"`)
	approve := func(tool, hash string, status int) {
		ask("POST", "/api/v1/approvals", `{"server":"odd","tools":[{"tool":"`+tool+`","hash":"`+hash+`"}]}`, status)
	}
	approve("late", hash+"0", 409)
	approve("later", hash, 404)
	approve("late", hash, 200)
	approve("late", hash, 200) // once more
	ask("GET", "/api/v1/approvals", "", 200)
	events := streamed(t, prog, "/api/v1/events", 2, func() { ask("POST", "/api/v1/servers/demo/restart", "", 200) })
	for i, schema := range []string{"Servers", "Change"} {
		if err := d.CheckSchema(schema, []byte(events[i])); err != nil {
			t.Errorf("%s: %v", events[i], err)
		}
	}
	prog.waitState("demo", "connected")
	ask("POST", "/api/v1/servers", `{"name":"new","command":"x"}`, 201)
	ask("POST", "/api/v1/servers", `{"name":"new","command":"x"}`, 409)
	ask("POST", "/api/v1/servers/off/enable", "", 200)
	ask("POST", "/api/v1/servers/off/disable", "", 200)
	ask("DELETE", "/api/v1/servers/off", "", 200)
	ask("GET", "/api/v1/servers", "", 200)
	ask("GET", "/api/v1/history", "", 200)
	ask("GET", "/api/v1/history/uptime?since=1h", "", 200)
	ask("GET", "/api/v1/status", "", 200)
	tool, _, _ := strings.Cut(between(t, ask("GET", "/api/v1/servers/demo/tools", "", 200), `"tools":[{"name":"`), `"`)
	ask("GET", "/api/v1/servers/demo/tools/"+tool, "", 200)
	if found := ask("GET", "/api/v1/tools/search?q="+tool, "", 200); !strings.Contains(found, `"tool":"`+tool+`"`) {
		t.Errorf("the search for %q finds %s", tool, found)
	}
	ask("GET", "/api/v1/servers/broken/logs?lines=3", "", 200)
	for _, log := range streamed(t, prog, "/api/v1/servers/demo/logs?follow=true", 1, func() {}) {
		if err := d.CheckSchema("Log", []byte(log)); err != nil {
			t.Errorf("%s: %v", log, err)
		}
	}
	answered["GET /api/v1/events"] = true
	ask("GET", "/api/v1/questions", "", 200)
	ask("POST", "/api/v1/questions/none", `{"action":"cancel"}`, 404)
	ask("POST", "/api/v1/page", "", 200)
	ask("POST", "/api/v1/show", "", 409) // there is no tray
	ask("GET", "/api/v1/openapi.json", "", 200)
	ask("GET", "/metrics", "", 200)
	ask("GET", "/healthz", "", 200)
	ask("GET", "/readyz", "", 200)
	ask("POST", "/api/v1/quit", "", 200)
	<-prog.ended
	for _, op := range d.Operations {
		if !answered[op.Method+" "+op.Path] {
			t.Errorf("%s %s was not asked", op.Method, op.Path)
		}
	}
}

// between returns what stands behind a mark in a text.
func between(t *testing.T, text, mark string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, mark)
	if !ok {
		t.Fatalf("there is no %s in %s", mark, text)
	}
	return rest
}

// streamed returns the data of the first events of a stream; act is done after the first one.
func streamed(t *testing.T, p *program, path string, events int, act func()) (data []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.admin)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for sc := bufio.NewScanner(res.Body); len(data) < events; {
		if !sc.Scan() {
			t.Fatalf("%s ended after %q", path, data)
		}
		line, ok := strings.CutPrefix(sc.Text(), "data: ")
		if !ok {
			continue
		}
		if data = append(data, line); len(data) == 1 {
			act()
		}
	}
	return data
}
