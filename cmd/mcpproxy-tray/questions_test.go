//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/tray/traytest"
)

// A browser is one that opened the status page.
type browser struct {
	t    *testing.T
	http *http.Client
	base string
}

func openPage(t *testing.T, p *program) *browser {
	t.Helper()
	var link struct{ URL string }
	if _, body := p.api("POST", "/api/v1/page", ""); json.Unmarshal([]byte(body), &link) != nil {
		t.Fatalf("no link: %s", body)
	}
	jar, _ := cookiejar.New(nil) // fails never
	b := &browser{t: t, http: &http.Client{Jar: jar}, base: link.URL[:strings.Index(link.URL, "/open/")]}
	b.get(link.URL)
	return b
}

func (b *browser) get(address string) string {
	b.t.Helper()
	res, err := b.http.Get(address)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

// send fills the page's first form.
func (b *browser) send(values url.Values) int {
	b.t.Helper()
	action := regexp.MustCompile(`action="(/questions/[^"]+)"`).FindStringSubmatch(b.get(b.base + "/"))
	if action == nil {
		b.t.Fatal("the page has no form")
	}
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.base+action[1], strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.base)
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// bothEras is the servers "old" and "new" of a configuration.
func bothEras(t *testing.T) string {
	return fmt.Sprintf(`"new": {"command": %q, "args": ["-era", %q]}, "old": {"command": %[1]q, "args": ["-era", %[3]q]}`, oddPath(t), modernSet, legacySet)
}

// TestServerAsksTheUser: with a client that cannot ask, over each era of server and
// client, the question comes in the menu, as a notification and on the page; the
// answer reaches the server, and nothing of the question is left.
func TestServerAsksTheUser(t *testing.T) {
	bus := traytest.Bus(t)
	bus.Host(t)
	daemon := bus.Daemon(t, "body", "actions")
	home := t.TempDir()
	writeConfig(t, home, bothEras(t),
		`"quarantine": false, "question_timeout": "30s",`)
	p := run(t, home, []string{bus.Env()})
	p.waitState("new", "connected")
	p.waitState("old", "connected")
	item := traytest.Attach(t, bus.Address).Item(t, "")
	item.WaitEntry(t, "2 of 2 connected")
	page := openPage(t, p)
	notes := 0
	for _, revision := range []string{"", "2025-06-18"} {
		client := bridged(t, home, revision, func() {})
		for _, server := range []string{"new", "old"} {
			for _, answer := range []struct {
				form url.Values
				want string
			}{
				{url.Values{"action": {"accept"}, "field0": {"9007199254740993"}}, `"n":9007199254740993`},
				{url.Values{"action": {"decline"}}, `"action":"decline"`},
			} {
				done := make(chan string, 1)
				go func() {
					res, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: server + "__elicit"})
					text, _ := json.Marshal(res) // of the library's own type
					done <- fmt.Sprint(strings.ReplaceAll(string(text), `\"`, `"`), err)
				}()
				item.WaitEntry(t, "? "+server+" asks you something…")
				notes++
				if note := daemon.Wait(t, notes)[notes-1]; note.Summary != server+" asks you something" || strings.Contains(note.Summary+note.Body, "odd") {
					t.Errorf("note = %+v", note)
				}
				if status := page.send(answer.form); status != http.StatusOK {
					t.Errorf("answering: %d", status)
				}
				if got := <-done; !strings.Contains(got, answer.want) {
					t.Errorf("client %q, server %q: the server got %s, want %s", revision, server, got, answer.want)
				}
				item.WaitEntry(t, "2 of 2 connected")
				traytest.WaitFor(t, "the note to go", func() bool { return len(daemon.Closed()) == notes })
			}
		}
	}
}

// TestNobodyIsAskedWithoutATray: the server hears at once that nobody can be asked.
func TestNobodyIsAskedWithoutATray(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, bothEras(t), `"quarantine": false,`)
	p := run(t, home, nil, "serve")
	p.waitState("new", "connected")
	p.waitState("old", "connected")
	client := bridged(t, home, "", func() {})
	for server, want := range map[string]string{"new": "You cannot do elicitation.", "old": "does not support elicitation"} {
		res, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: server + "__elicit"})
		text, _ := json.Marshal(res) // of the library's own type
		if !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, %v", server, text, err)
		}
	}
}
