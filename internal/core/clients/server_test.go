package clients

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestServers reads files as the clients write them.
func TestServers(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"COPILOT_HOME": filepath.Join(home, "copilot"), "XDG_CONFIG_HOME": "relative"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	files := map[string]string{
		"$CFG/Claude/claude_desktop_config.json":  `{"mcpServers": {"fs": {"command": "npx", "args": ["-y", "server-fs"]}, "off": {"command": "x", "disabled": true}}}`,
		"$HOME/.claude.json":                      `{"numStartups": 3, "mcpServers": {"linear": {"type": "http", "url": "https://mcp.linear.app/mcp"}}, "projects": {"/p": {"mcpServers": {"local": {"command": "tool"}}}, "/q": {}}}`,
		"$CFG/Code/User/mcp.json":                 "{ // comment\n\"servers\": {\"git\": {\"command\": \"uvx\", \"args\": [\"mcp-server-git\"]},}, \"inputs\": []}",
		"$HOME/copilot/mcp-config.json":           `{"mcpServers": {"c": {"url": "http://127.0.0.1:9/mcp", "enabled": true}}}`,
		"$HOME/.copilot/mcp-config.json":          `{"mcpServers": {"not read": {"command": "x"}}}`,
		"$CONFIG/zed/settings.json":               `{"theme": "x", "context_servers": {"z": {"command": {"path": "zz", "args": ["1"]}}}}`,
		"$HOME/.codeium/windsurf/mcp_config.json": `{"mcpServers": {"w": {"serverUrl": "https://w.example/mcp"}}}`,
		"$HOME/.gemini/settings.json":             `{"mcpServers": {"g": {"httpUrl": "https://g.example/mcp"}}}`,
		"$CONFIG/opencode/opencode.json":          `{"mcp": {"o": {"type": "local", "command": ["bun", "x"], "enabled": true}, "off": {"command": ["y"], "enabled": false}}}`,
		"$CONFIG/amp/settings.json":               `{"amp.mcpServers": {"a": {"command": "amp-tool"}}}`,
		"$HOME/.cursor/mcp.json":                  `{"mcpServers": {"broken": `,
		"$HOME/.kiro/settings/mcp.json":           `{"mcpServers": [1], "other": {"command": "x"}}`,
		"$HOME/.lmstudio/mcp.json":                `{"mcpServers": {"empty": {}, "odd": 3, "list": {"command": []}}}`,
	}
	for path, text := range files {
		path = folders(home, lookup).Replace(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, s := range Servers(home, lookup) {
		got = append(got, s.Client+": "+s.Name+" = "+strings.Join(append(s.Command, s.URL), " "))
	}
	want := []string{
		"Claude Desktop: fs = npx -y server-fs ",
		"Claude Code: linear = https://mcp.linear.app/mcp",
		"Claude Code: local = tool ",
		"VS Code: git = uvx mcp-server-git ",
		"Copilot CLI: c = http://127.0.0.1:9/mcp",
		"Windsurf: w = https://w.example/mcp",
		"Zed: z = zz 1 ",
		"Gemini CLI: g = https://g.example/mcp",
		"opencode: o = bun x ",
		"Amp: a = amp-tool ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Servers =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
