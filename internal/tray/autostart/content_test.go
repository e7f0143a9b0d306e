package autostart

import (
	"encoding/xml"
	"strings"
	"testing"
)

// started is what a desktop starts for an Exec line, written from the
// specification and not from desktopEntry.
func started(t *testing.T, entry string) string {
	t.Helper()
	_, rest, ok := strings.Cut(entry, "\nExec=")
	line, _, ended := strings.Cut(rest, "\n")
	if !ok || !ended {
		t.Fatalf("no Exec in %s", entry)
	}
	unescape := func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			b.WriteByte(s[i])
		}
		return b.String()
	}
	line = unescape(line) // of a value of type string
	if len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"' {
		t.Fatalf("not quoted: %s", line)
	}
	return strings.ReplaceAll(unescape(line[1:len(line)-1]), "%%", "%")
}

func TestEntriesHoldAnyPath(t *testing.T) {
	for _, path := range []string{"/usr/bin/mcpproxy-tray", "/home/me/my programs/tray", `/a"b`, "/a`b`", "/a$HOME", `/a\b\\c`, "/100%/%f", "/ü/🙂", "/a;b&c<d>'e'"} {
		if got := started(t, desktopEntry(path)); got != path {
			t.Errorf("the desktop entry of %q starts %q", path, got)
		}
		var agent struct {
			Args []string `xml:"dict>array>string"`
		}
		if err := xml.Unmarshal([]byte(launchAgent(path)), &agent); err != nil || len(agent.Args) != 1 || agent.Args[0] != path {
			t.Errorf("the launch agent of %q starts %q, %v", path, agent.Args, err)
		}
	}
	if got := runValue(`C:\Program Files\x.exe`); got != `"C:\Program Files\x.exe"` {
		t.Errorf("the Run value is %s", got)
	}
}
