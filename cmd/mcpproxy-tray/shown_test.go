//go:build linux

package main

import (
	"strings"
	"testing"
)

// TestWhatPeopleAreShown wants the words of faults that the other tests only bring about.
func TestWhatPeopleAreShown(t *testing.T) {
	home := t.TempDir()
	path := writeConfig(t, home, evilEntry(t, "hung", "hang")+`, "type": {"command": 5}`, `"quarantine": false, "call_timeout": "1s",`)
	p := run(t, home, nil, "serve")
	p.waitState("hung", "connected")
	if s := p.waitState("type", "failed"); s.Problem.Code != "MPT-CONFIG-ENTRY" || s.Problem.Text == "" || s.Problem.Hint == "" {
		t.Errorf("an entry of the wrong type: %+v", s.Problem)
	}
	a, err := newCaller(t, p, "patient", true).call(1, "hung__echo", `{"text":"x"}`)
	if err != nil || a.Error == nil || !strings.Contains(a.Error.Message, "may or may not have run. There was no answer within 1s.") {
		t.Errorf("a call without an answer got %+v, %v", a.Error, err)
	}
	writeFile(t, path, `{"mcpServers": {`, 0o600)
	p.wait("the broken file to be told of", func() bool {
		_, body := p.api("GET", "/api/v1/status", "")
		return strings.Contains(body, `"code":"MPT-CONFIG","text":"config.json:1:17: The file ends too early: the { of line 1 is not closed.","hint":"It may still be being written, or its end was cut off."`)
	})
}
