package clients

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

// TestRefusals: a file that is not understood is explained and stays as it is.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ id, file, text, want string }{
		"syntax":       {"cursor", "$HOME/.cursor/mcp.json", "{\n  \"mcpServers\": {,}\n}", "mcp.json:2:18: A value is expected here"},
		"cut off":      {"vscode", "$CFG/Code/User/mcp.json", `{"servers": {`, "The file ends too early"},
		"list":         {"cursor", "$HOME/.cursor/mcp.json", `[]`, "not a JSON object"},
		"table":        {"cursor", "$HOME/.cursor/mcp.json", `{"mcpServers": []}`, "mcp.json:1:16: \"mcpServers\" is not an object"},
		"twice":        {"cursor", "$HOME/.cursor/mcp.json", `{"mcpServers": {}, "mcpServers": {}}`, `"mcpServers" appears twice`},
		"entry twice":  {"cursor", "$HOME/.cursor/mcp.json", `{"mcpServers": {"mcpproxy-tray": 1, "mcpproxy-tray": 2}}`, `"mcpproxy-tray" appears twice`},
		"plain":        {"claude-desktop", "$CFG/Claude/claude_desktop_config.json", `{"mcpServers": {},}`, "a comma too many"},
		"UTF-16":       {"cursor", "$HOME/.cursor/mcp.json", "\xff\xfe{\x00}\x00", "UTF-16"},
		"discontinued": {"roo-code", "$HOME/x", "", "discontinued"},
		"absent":       {"cursor", "$HOME/x", "", "not installed"},
	} {
		t.Run(name, func(t *testing.T) {
			u := testUser(t)
			path := u.put(t, c.file, c.text)
			change, err := u.Connect(client(t, c.id), endpoint)
			e, ok := errors.AsType[*config.Error](err)
			if !ok || !strings.Contains(err.Error(), c.want) || e.Hint == "" {
				t.Errorf("Connect = %v, %v, want %s and what to do", change, err, c.want)
			}
			if got := content(t, path); got != c.text {
				t.Errorf("the file became %q", got)
			}
			if _, err := os.Stat(u.Dir); err == nil {
				t.Error("something was kept")
			}
		})
	}
}

// TestChangedMeanwhile: what came into the file after the difference was shown stays.
func TestChangedMeanwhile(t *testing.T) {
	for name, between := range map[string]func(path string) error{
		"changed": func(path string) error { return os.WriteFile(path, []byte(`{"mcpServers": {"new": {}}}`), 0o600) },
		"removed": os.Remove,
	} {
		u, c := testUser(t), client(t, "cursor")
		path := u.put(t, "$HOME/.cursor/mcp.json", `{}`)
		change, err := u.Connect(c, endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if err := between(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		if _, err := u.Apply(change); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
			t.Errorf("%s: Apply = %v", name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file became %q", name, after)
		}
		if again := u.disconnect(t, c); !again.Empty() {
			t.Errorf("%s: what was not written is undone: %s", name, again.Diff())
		}
	}
}

// TestCreatedMeanwhile: nor is a file replaced that was not there.
func TestCreatedMeanwhile(t *testing.T) {
	u, c := testUser(t), client(t, "cursor")
	u.put(t, "$HOME/.cursor/other", "")
	change, err := u.Connect(c, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	path := u.put(t, "$HOME/.cursor/mcp.json", "{}")
	if _, err := u.Apply(change); err == nil {
		t.Error("Apply replaced a new file")
	}
	if got := content(t, path); got != "{}" {
		t.Errorf("the file became %q", got)
	}
}

// TestKeepsTheNewestCopies: not every file there ever was, and only of the same client.
func TestKeepsTheNewestCopies(t *testing.T) {
	u := testUser(t)
	u.put(t, "$CFG/Code - Insiders/User/mcp.json", "{}")
	u.connect(t, client(t, "vscode-insiders"))
	c := client(t, "vscode")
	for n := range maxCopies + 3 {
		u.put(t, "$CFG/Code/User/mcp.json", fmt.Sprintf(`{"n": %d}`, n))
		u.connect(t, c)
	}
	copies, err := filepath.Glob(filepath.Join(u.Dir, "vscode-2*"))
	if err != nil || len(copies) != maxCopies {
		t.Fatalf("copies are %q, %v", copies, err)
	}
	if got, want := content(t, copies[len(copies)-1]), fmt.Sprintf(`{"n": %d}`, maxCopies+2); got != want {
		t.Errorf("the newest copy has %s, want %s", got, want)
	}
	if others, _ := filepath.Glob(filepath.Join(u.Dir, "vscode-insiders-*")); len(others) != 1 {
		t.Errorf("copies of another client are %q", others)
	}
}

// FuzzBack: whatever can be edited is what it was after the entry came and went, and nothing
// else of it changes meanwhile.
func FuzzBack(f *testing.F) {
	for _, seed := range []string{"{}", "", "{ // c\n}", "\ufeff{\r\n\t\"mcpServers\": {\"mcpproxy-tray\": {\"a\": \"é\"},},\r\n}", `{"mcp": {"servers": {"x": 1}}, "mcpServers": {"b": []}}`, "{\"mcpServers\":\n{/**/}}//"} {
		f.Add(seed, "")
	}
	f.Add("{}", "[mcp_servers.mcpproxy-tray]\n")
	f.Add("{}", "a=1#é")
	f.Fuzz(func(t *testing.T, text, table string) {
		for _, c := range []struct {
			form form
			text string
		}{{jsonForm{client(t, "cursor")}, text}, {jsonForm{client(t, "opencode")}, text}, {tomlForm{}, table}} {
			previous, err := c.form.text("", []byte(c.text))
			if err != nil {
				continue
			}
			connected, err := c.form.set([]byte(c.text), endpoint)
			if err != nil || !same(c.form, []byte(c.text), connected, true) {
				continue
			}
			m := memory{Previous: previous}
			m.Before, m.After = differing([]byte(c.text), connected)
			if got, err := back(c.form, "", connected, m); err != nil || string(got) != c.text {
				t.Errorf("%q with an entry %q and without it %q, %v", c.text, connected, got, err)
			}
			m.After = "" // as if somebody had changed our entry
			if got, err := back(c.form, "", connected, m); err != nil || !same(c.form, []byte(c.text), got, true) {
				t.Errorf("%q with an entry %q and taken out %q, %v", c.text, connected, got, err)
			}
		}
	})
}
