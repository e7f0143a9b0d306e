package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestTablesEndWithTheirText: no line has blanks at its end, where they would wrap in a
// narrow terminal and be copied.
func TestTablesEndWithTheirText(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.Local)
	raw := func(text string) []json.RawMessage { return []json.RawMessage{json.RawMessage(text)} }
	var servers, history strings.Builder
	if err := printServers(&servers, []server{{Name: "a", State: "connected", Since: at}, {Name: "longer", State: "off"}}); err != nil {
		t.Error(err)
	}
	if want := "NAME    STATE      TOOLS  SINCE                PROBLEM\n" +
		"a       connected  0      2026-11-23 09:00:00\n" +
		"longer  off\n"; servers.String() != want {
		t.Errorf("servers:\n%s\nwant\n%s", servers.String(), want)
	}
	if err := printHistory(&history, historyDocument{Dropped: 2, Uptime: raw(`{"server":"a","up":"1s","down":"0s"}`),
		Entries: raw(`{"kind":"state","at":"` + at.Format(time.RFC3339) + `","server":"a","to":"connected"}`)}); err != nil {
		t.Error(err)
	}
	if want := "SERVER  UPTIME  UP  DOWN  FAILURES  MTBF  SINCE\n" +
		"a               1s  0s    0\n\n" +
		"TIME                 SERVER  EVENT  RESULT     TOOK  BYTES  CLIENT  NOTE\n" +
		"2026-11-23 09:00:00  a       state  connected\n" +
		"2 more were not kept since the program started\n"; history.String() != want {
		t.Errorf("history:\n%s\nwant\n%s", history.String(), want)
	}
}
