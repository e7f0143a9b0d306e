package clients

import (
	"errors"
	"os"
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
