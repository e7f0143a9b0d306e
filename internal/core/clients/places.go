package clients

import (
	"path/filepath"
	"runtime"
	"strings"
)

// A place is a file in which a client keeps MCP servers of its user.
type place struct {
	client string
	path   string   // with $NAME for a folder, see folders
	tables []string // where the servers are in it, keys separated by slashes; "*" stands for any key
}

// places are the files in JSON, with comments or without.
var places = []place{
	{"Claude Desktop", "$CFG/Claude/claude_desktop_config.json", []string{"mcpServers"}},
	{"Claude Desktop", "$CFG/claude/claude_desktop_config.json", []string{"mcpServers"}},
	{"Claude Code", "$CLAUDE/.claude.json", []string{"mcpServers", "projects/*/mcpServers"}},
	{"Cursor", "$HOME/.cursor/mcp.json", []string{"mcpServers"}},
	{"VS Code", "$CFG/Code/User/mcp.json", []string{"servers"}},
	{"VS Code Insiders", "$CFG/Code - Insiders/User/mcp.json", []string{"servers"}},
	{"Copilot CLI", "$COPILOT/mcp-config.json", []string{"mcpServers"}},
	{"Junie", "$HOME/.junie/mcp/mcp.json", []string{"mcpServers"}},
	{"Windsurf", "$HOME/.codeium/windsurf/mcp_config.json", []string{"mcpServers"}},
	{"Devin", "$CONFIG/devin/mcp_config.json", []string{"mcpServers"}},
	{"Zed", "$CONFIG/zed/settings.json", []string{"context_servers"}},
	{"Gemini CLI", "$GEMINI/.gemini/settings.json", []string{"mcpServers"}},
	{"Antigravity", "$HOME/.gemini/antigravity/mcp_config.json", []string{"mcpServers"}},
	{"Antigravity", "$HOME/.gemini/config/mcp_config.json", []string{"mcpServers"}},
	{"Cline", "$CFG/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json", []string{"mcpServers"}},
	{"Roo Code", "$CFG/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json", []string{"mcpServers"}},
	{"LM Studio", "$HOME/.lmstudio/mcp.json", []string{"mcpServers"}},
	{"opencode", "$CONFIG/opencode/opencode.json", []string{"mcp", "mcp/servers"}},
	{"opencode", "$CONFIG/opencode/opencode.jsonc", []string{"mcp", "mcp/servers"}},
	{"Kiro", "$HOME/.kiro/settings/mcp.json", []string{"mcpServers"}},
	{"Crush", "$CONFIG/crush/crush.json", []string{"mcp"}},
	{"Amp", "$CONFIG/amp/settings.json", []string{"amp.mcpServers"}},
	{"Kilo Code", "$CONFIG/kilo/kilo.jsonc", []string{"mcp"}},
	{"Qwen Code", "$HOME/.qwen/settings.json", []string{"mcpServers"}},
	{"Factory Droid", "$HOME/.factory/mcp.json", []string{"mcpServers"}},
	{"Warp", "$HOME/.warp/.mcp.json", []string{"mcpServers"}},
	{"Amazon Q", "$HOME/.aws/amazonq/mcp.json", []string{"mcpServers"}},
}

// folders returns what stands for a folder in a place. CFG is where desktop programs
// keep settings, CONFIG where command line programs do; some have a variable of their own.
func folders(home string, env func(string) (string, bool)) *strings.Replacer {
	or := func(name, otherwise string) string {
		if dir, ok := env(name); ok && filepath.IsAbs(dir) {
			return dir
		}
		return otherwise
	}
	config := or("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	cfg := config
	switch runtime.GOOS {
	case "windows":
		cfg = or("APPDATA", filepath.Join(home, "AppData", "Roaming"))
		config = cfg
	case "darwin":
		cfg = filepath.Join(home, "Library", "Application Support")
	}
	return strings.NewReplacer("$CFG", cfg, "$CONFIG", config, "$HOME", home,
		"$CLAUDE", or("CLAUDE_CONFIG_DIR", home), "$COPILOT", or("COPILOT_HOME", filepath.Join(home, ".copilot")), "$GEMINI", or("GEMINI_CLI_HOME", home))
}
