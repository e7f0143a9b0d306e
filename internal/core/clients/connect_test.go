package clients

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config/jsonc"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var endpoint = Endpoint{URL: "http://127.0.0.1:7420/mcp", Token: "s3cret", Bridge: []string{"/opt/mcpproxy-tray", "bridge"}, Env: map[string]string{"MCPPROXY_TRAY_HOME": "/h"}}

// testUser is a user with a home of his own, in which nothing is installed.
func testUser(t testing.TB) User {
	t.Helper()
	dir := t.TempDir()
	return User{Home: filepath.Join(dir, "home"), Dir: filepath.Join(dir, "ours"),
		Env: func(name string) (string, bool) {
			if name == "APPDATA" {
				return filepath.Join(dir, "home", "AppData"), true
			}
			return "", false
		},
		Addresses: []string{"127.0.0.1:7420"}}
}

// put writes a file into the user's home and returns its path.
func (u User) put(t testing.TB, path, text string) string {
	t.Helper()
	path = filepath.FromSlash(u.folders().Replace(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func client(t testing.TB, id string) Client {
	t.Helper()
	c, ok := Named(id)
	if !ok {
		t.Fatalf("no client %q", id)
	}
	return c
}

// connect writes what Connect asks for, and fails if that does not work.
func (u User) connect(t testing.TB, c Client) *Change {
	t.Helper()
	change, err := u.Connect(c, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if !change.Empty() {
		if _, err := u.Apply(change); err != nil {
			t.Fatal(err)
		}
	}
	return change
}

func (u User) disconnect(t testing.TB, c Client) *Change {
	t.Helper()
	change, err := u.Disconnect(c)
	if err != nil {
		t.Fatal(err)
	}
	if !change.Empty() {
		if _, err := u.Apply(change); err != nil {
			t.Fatal(err)
		}
	}
	return change
}

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNotations writes every client's file where there was none, beside what is pasted.
func TestNotations(t *testing.T) {
	var all strings.Builder
	for _, c := range All() {
		u := testUser(t)
		fmt.Fprintf(&all, "== %s (%s)\n", c.ID, c.Name)
		if _, text := u.Manual(c, endpoint); text != "" {
			all.WriteString(text + "\n")
			continue
		}
		if c.sign == "$CLAUDE/.claude.json" {
			u.put(t, c.sign, "")
		} else {
			u.put(t, c.files[0]+".d/x", "")
			if c.sign != "" {
				u.put(t, c.sign+"/x", "")
			}
		}
		change, err := u.Connect(c, endpoint)
		if err != nil {
			fmt.Fprintf(&all, "refused: %v\n", err)
			continue
		}
		if _, err := u.Apply(change); err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		all.WriteString(content(t, change.Path))
		if info, err := os.Stat(change.Path); err == nil && runtime.GOOS != "windows" && change.Before == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: a new file with the token has the mode %v", c.ID, info.Mode())
		}
		if as := u.as(c, change.Path); as != Name {
			t.Errorf("%s: connected as %q", c.ID, as)
		}
		if again := u.connect(t, c); !again.Empty() || again.Note == "" {
			t.Errorf("%s: connecting twice changes %s", c.ID, again.Diff())
		}
		u.disconnect(t, c)
		if _, err := os.Stat(change.Path); change.Before == nil && !os.IsNotExist(err) {
			t.Errorf("%s: the file that was made is still there", c.ID)
		}
	}
	golden := filepath.Join("testdata", "notations.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := content(t, golden); all.String() != want {
		t.Errorf("notations:\n%s\nwant\n%s", all.String(), want)
	}
}

// TestOpencodeNotations: which of the two a file has is seen from what is in it.
func TestOpencodeNotations(t *testing.T) {
	for before, want := range map[string]string{
		`{"mcp": {"a": {"type": "local", "command": ["x"]}}}`:              `{"mcp": {"a": {"type": "local", "command": ["x"]}, "mcpproxy-tray": {"type": "remote", "url": "http://127.0.0.1:7420/mcp", "headers": {"Authorization": "Bearer s3cret"}, "enabled": true}}}`,
		`{"mcp": {"servers": {"a": {"type": "local", "command": ["x"]}}}}`: `{"mcp": {"servers": {"a": {"type": "local", "command": ["x"]}, "mcpproxy-tray": {"type": "remote", "url": "http://127.0.0.1:7420/mcp", "headers": {"Authorization": "Bearer s3cret"}}}}}`,
		`{"mcp": {"servers": {"type": "local", "command": ["x"]}}}`:        `{"mcp": {"servers": {"type": "local", "command": ["x"]}, "mcpproxy-tray": {"type": "remote", "url": "http://127.0.0.1:7420/mcp", "headers": {"Authorization": "Bearer s3cret"}, "enabled": true}}}`,
	} {
		u := testUser(t)
		path := u.put(t, "$CONFIG/opencode/opencode.json", before)
		u.connect(t, client(t, "opencode"))
		if got := content(t, path); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", before, got, want)
		}
		u.disconnect(t, client(t, "opencode"))
		if got := content(t, path); got != before {
			t.Errorf("%s\nbecame %s in the end", before, got)
		}
	}
}

// randomDocument writes a file as people and programs do.
func randomDocument(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	eol, unit := pick("\n", "\n", "\r\n"), pick("  ", "\t", "    ")
	comment := func() string { return pick("", "", "", " // ü, mine", " /* {here} */") }
	var object func(depth int, keys []string) string
	object = func(depth int, keys []string) string {
		if len(keys) == 0 {
			return pick("{}", "{ }", "{"+eol+strings.Repeat(unit, depth)+"}", "{ /* none */ }")
		}
		var b strings.Builder
		b.WriteString("{" + comment() + eol)
		for i, key := range keys {
			value := pick(`"ä€😀"`, "1.50", "[1, 2]", `{"url": "x"}`, "null")
			switch key {
			case "mcpServers":
				value = object(depth+1, [][]string{{}, {"a"}, {"a", Name}, {Name}, {Name, "z"}, {"a", "b", "c"}}[r.IntN(6)])
			case Name:
				value = pick(`{"url": "http://other"}`, `{"command": "önce"}`, "{"+eol+`"url": "http://127.0.0.1:7420/mcp"`+eol+"}", "{}")
			}
			comma := ","
			if i == len(keys)-1 {
				comma = pick("", "", ",")
			}
			fmt.Fprintf(&b, "%s%q: %s%s%s%s", strings.Repeat(unit, depth+1), key, value, comma, comment(), eol)
		}
		return b.String() + strings.Repeat(unit, depth) + "}"
	}
	return pick("", "", jsonc.BOM) + pick("", "// top"+eol) + object(0, [][]string{{}, {"mcpServers"}, {"x", "mcpServers", "y"}, {"x", "y"}, {"mcpServers", "x"}}[r.IntN(5)]) + pick("", eol, eol+"// end")
}

// TestDisconnectRestores: connecting and disconnecting gives the file byte for byte, and
// what others write in between stays.
func TestDisconnectRestores(t *testing.T) {
	c := client(t, "cursor")
	u := testUser(t)
	for seed := range uint64(150) {
		before := randomDocument(rand.New(rand.NewPCG(seed, 7)))
		path := u.put(t, "$HOME/.cursor/mcp.json", before)
		u.connect(t, c)
		connected := content(t, path)
		if !strings.Contains(connected, "s3cret") {
			t.Fatalf("seed %d: not connected:\n%s", seed, connected)
		}
		if strings.Contains(before, "\r\n") && strings.Count(connected, "\n") != strings.Count(connected, "\r\n") && strings.Count(before, "\n") == strings.Count(before, "\r\n") {
			t.Errorf("seed %d: line endings are mixed: %q", seed, connected)
		}
		if seed%2 == 0 { // somebody else writes
			u.put(t, "$HOME/.cursor/mcp.json", connected+"\n// later\n")
			before += "\n// later\n"
		}
		u.disconnect(t, c)
		if got := content(t, path); got != before {
			t.Fatalf("seed %d: after disconnecting\n%q\nwant\n%q\nconnected\n%q", seed, got, before, connected)
		}
	}
}

// TestDisconnectLeavesWhatOthersWrote: our entry was changed by hand too.
func TestDisconnectLeavesWhatOthersWrote(t *testing.T) {
	for name, previous := range map[string]string{"new": "", "replaced": `{"url": "http://other", "n": 1.0}`} {
		t.Run(name, func(t *testing.T) {
			u, c := testUser(t), client(t, "cursor")
			before := `{"mcpServers": {"a": {"command": "x"}}}`
			if previous != "" {
				before = `{"mcpServers": {"mcpproxy-tray": ` + previous + `}}`
			}
			path := u.put(t, "$HOME/.cursor/mcp.json", before)
			u.connect(t, c)
			u.put(t, "$HOME/.cursor/mcp.json", strings.Replace(content(t, path), `"Authorization"`, `"X": "y", "Authorization"`, 1)+"\n")
			u.disconnect(t, c)
			if got := content(t, path); got != before+"\n" {
				t.Errorf("after disconnecting: %s\nwant %s", got, before)
			}
			if again := u.disconnect(t, c); !again.Empty() || !strings.Contains(again.Note, "not connected") {
				t.Errorf("a second time: %q, %s", again.Note, again.Diff())
			}
		})
	}
}

// TestConnectAgain: another address takes the place of the first, and what was there before
// both comes back.
func TestConnectAgain(t *testing.T) {
	u, c := testUser(t), client(t, "claude-desktop")
	before := "{\n\t\"mcpServers\": {\n\t\t\"mcpproxy-tray\": {\"command\": \"other\"}\n\t}\n}\n"
	path := u.put(t, "$CFG/Claude/claude_desktop_config.json", before)
	u.connect(t, c)
	second := endpoint
	second.Bridge = []string{"/elsewhere/mcpproxy-tray", "bridge", "--search"}
	change, err := u.Connect(c, second)
	if err != nil || change.Empty() {
		t.Fatalf("Connect = %v, %v", change, err)
	}
	if _, err := u.Apply(change); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); !strings.Contains(got, "--search") || strings.Contains(got, "/opt") {
		t.Errorf("connected again: %s", got)
	}
	u.disconnect(t, c)
	if got := content(t, path); got != before {
		t.Errorf("disconnected: %s", got)
	}
}

// TestConnectByHand: who has us already is left alone.
func TestConnectByHand(t *testing.T) {
	for name, text := range map[string]string{
		"same": `{"mcpServers": {"mcpproxy-tray": {"url": "http://127.0.0.1:7420/mcp", "headers": {"Authorization": "Bearer s3cret"}}}}`,
		"as":   `{"mcpServers": {"all": {"url": "http://127.0.0.1:7420/mcp/search"}}}`,
	} {
		u, c := testUser(t), client(t, "cursor")
		u.put(t, "$HOME/.cursor/mcp.json", text)
		if change := u.connect(t, c); !change.Empty() || !strings.Contains(change.Note, "connected already") {
			t.Errorf("%s: %q %s", name, change.Note, change.Diff())
		}
	}
}

// TestDiffHidesSecrets: neither our token nor what other entries hold is shown.
func TestDiffHidesSecrets(t *testing.T) {
	u, c := testUser(t), client(t, "cursor")
	text := `{"mcpServers": {
  "a": {"command": "x", "args": ["--api-key", "hide-1", "--token=hide-2"], "env": {"K": "hide-3", "R": "${env:SEEN}"}},
  "b": {"url": "https://me:hide-4@b.example/mcp?api_key=hide-5", "headers": {"H": "hide-6"}}, "password": "hide-7"
}}`
	u.put(t, "$HOME/.cursor/mcp.json", text)
	for _, compact := range []bool{false, true} {
		if compact {
			var b bytes.Buffer
			if err := json.Compact(&b, []byte(strings.Replace(text, `"x"`, `"`+strings.Repeat("x", 1100)+`"`, 1))); err != nil {
				t.Fatal(err)
			}
			u.put(t, "$HOME/.cursor/mcp.json", b.String())
		}
		change, err := u.Connect(c, endpoint)
		if err != nil {
			t.Fatal(err)
		}
		diff := change.Diff()
		if strings.Contains(diff, "hide-") || strings.Contains(diff, "s3cret") || !strings.Contains(diff, "mcpproxy-tray") || !strings.Contains(diff, "SEEN") {
			t.Errorf("the difference is\n%s", diff)
		}
	}
}
