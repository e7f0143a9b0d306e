package clients

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// A Client is a program that can use MCP servers.
type Client struct {
	ID   string // for command lines
	Name string // for people

	files  []string // where it keeps servers of its user; $NAME stands for a folder, see folders
	tables []string // where they are in a file, keys separated by slashes; "*" stands for any key
	sign   string   // what is there where it is installed; empty: the folder of one of its files
	style  style
	after  string // what its user has to do before a change counts
	manual string // where the user puts the entry by hand, as we cannot; empty if we can
	plain  bool   // it takes no comments, and says nothing about them
	urlSSE bool   // "url" means the old transport
}

var (
	mcpServers = []string{"mcpServers"}

	// clients are all that are known. What they need was collected from their documents
	// and from the programs that connect them; docs/cli.md names those that were guessed.
	clients = []Client{
		{ID: "claude-desktop", Name: "Claude Desktop", files: []string{"$CFG/Claude/claude_desktop_config.json", "$CFG/claude/claude_desktop_config.json"}, tables: mcpServers, style: asBridge, plain: true, after: "Quit Claude Desktop completely and start it again."},
		{ID: "claude-code", Name: "Claude Code", files: []string{"$CLAUDE/.claude.json"}, tables: []string{"mcpServers", "projects/*/mcpServers"}, sign: "$CLAUDE/.claude.json", style: asHTTP, after: "A session that runs may write the file again without it: quit Claude Code before, start it after."},
		{ID: "cursor", Name: "Cursor", files: []string{"$HOME/.cursor/mcp.json"}, tables: mcpServers, style: asURL},
		{ID: "vscode", Name: "VS Code", files: []string{"$CFG/Code/User/mcp.json"}, tables: []string{"servers"}, style: asHTTP},
		{ID: "vscode-insiders", Name: "VS Code Insiders", files: []string{"$CFG/Code - Insiders/User/mcp.json"}, tables: []string{"servers"}, style: asHTTP},
		{ID: "copilot-cli", Name: "Copilot CLI", files: []string{"$COPILOT/mcp-config.json"}, tables: mcpServers, style: asHTTPWithTools},
		{ID: "junie", Name: "Junie", files: []string{"$HOME/.junie/mcp/mcp.json"}, tables: mcpServers, style: asBridge, sign: "$HOME/.junie"},
		{ID: "windsurf", Name: "Windsurf", files: []string{"$HOME/.codeium/windsurf/mcp_config.json"}, tables: mcpServers, style: asServerURL},
		{ID: "devin", Name: "Devin", files: []string{"$CONFIG/devin/mcp_config.json"}, tables: mcpServers, style: asURLWithTransport},
		{ID: "zed", Name: "Zed", files: []string{"$CONFIG/zed/settings.json"}, tables: []string{"context_servers"}, style: asURL},
		{ID: "gemini-cli", Name: "Gemini CLI", files: []string{"$GEMINI/.gemini/settings.json"}, tables: mcpServers, style: asHTTPURL, urlSSE: true},
		{ID: "antigravity", Name: "Antigravity", files: []string{"$HOME/.gemini/antigravity/mcp_config.json", "$HOME/.gemini/config/mcp_config.json"}, tables: mcpServers, style: asServerURL},
		{ID: "cline", Name: "Cline", files: []string{"$CFG/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"}, tables: mcpServers, style: asCline},
		{ID: "roo-code", Name: "Roo Code", files: []string{"$CFG/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"}, tables: mcpServers, style: asStreamable},
		{ID: "lm-studio", Name: "LM Studio", files: []string{"$HOME/.lmstudio/mcp.json"}, tables: mcpServers, style: asURL},
		{ID: "opencode", Name: "opencode", files: []string{"$CONFIG/opencode/opencode.json", "$CONFIG/opencode/opencode.jsonc"}, tables: []string{"mcp", "mcp/servers"}, style: asRemote},
		{ID: "kiro", Name: "Kiro", files: []string{"$HOME/.kiro/settings/mcp.json"}, tables: mcpServers, style: asURL, sign: "$HOME/.kiro"},
		{ID: "crush", Name: "Crush", files: []string{"$CONFIG/crush/crush.json"}, tables: []string{"mcp"}, style: asHTTP},
		{ID: "amp", Name: "Amp", files: []string{"$CONFIG/amp/settings.json"}, tables: []string{"amp.mcpServers"}, style: asURL},
		{ID: "kilo-code", Name: "Kilo Code", files: []string{"$CONFIG/kilo/kilo.jsonc"}, tables: []string{"mcp"}, style: asRemote},
		{ID: "qwen-code", Name: "Qwen Code", files: []string{"$HOME/.qwen/settings.json"}, tables: mcpServers, style: asHTTPURL, urlSSE: true},
		{ID: "factory-droid", Name: "Factory Droid", files: []string{"$HOME/.factory/mcp.json"}, tables: mcpServers, style: asHTTP},
		{ID: "warp", Name: "Warp", files: []string{"$HOME/.warp/.mcp.json"}, tables: mcpServers, style: asURL},
		{ID: "amazon-q", Name: "Amazon Q", files: []string{"$HOME/.aws/amazonq/mcp.json"}, tables: mcpServers, style: asHTTP},
		{ID: "codex", Name: "Codex", files: []string{"$CODEX/config.toml"}, tables: []string{tomlTable}},
		{ID: "goose", Name: "Goose", sign: "$GOOSE", style: asGoose, manual: "the file $GOOSE/config.yaml"},
		{ID: "continue", Name: "Continue", sign: "$HOME/.continue", style: asContinue, manual: "the file $HOME/.continue/config.yaml"},
		{ID: "jetbrains-ai", Name: "JetBrains AI Assistant", style: asPasted, manual: "Settings, Tools, AI Assistant, Model Context Protocol (MCP)"},
	}
)

// All returns every client that is known.
func All() []Client { return slices.Clone(clients) }

// Named finds a client by its ID or name; case, spaces and signs do not count.
func Named(name string) (Client, bool) {
	for _, c := range clients {
		if plainWord(name) == plainWord(c.ID) || plainWord(name) == plainWord(c.Name) {
			return c, true
		}
	}
	return Client{}, false
}

func plainWord(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
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
	goose := filepath.Join(config, "goose")
	switch runtime.GOOS {
	case "windows":
		cfg = or("APPDATA", filepath.Join(home, "AppData", "Roaming"))
		config, goose = cfg, filepath.Join(cfg, "Block", "goose", "config")
	case "darwin":
		cfg = filepath.Join(home, "Library", "Application Support")
	}
	return strings.NewReplacer("$CFG", cfg, "$CONFIG", config, "$HOME", home, "$GOOSE", goose, "$CODEX", or("CODEX_HOME", filepath.Join(home, ".codex")),
		"$CLAUDE", or("CLAUDE_CONFIG_DIR", home), "$COPILOT", or("COPILOT_HOME", filepath.Join(home, ".copilot")), "$GEMINI", or("GEMINI_CLI_HOME", home))
}

// paths returns the client's files, whether they are there or not.
func (c Client) paths(folder *strings.Replacer) (all []string) {
	for _, file := range c.files {
		all = append(all, filepath.FromSlash(folder.Replace(file)))
	}
	return all
}

// file returns the client's file: the first there is, or else the first that could be made
// without making a folder; empty if there is none.
func (c Client) file(folder *strings.Replacer) string {
	paths := c.paths(folder)
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	for _, path := range paths {
		if info, err := os.Stat(filepath.Dir(path)); err == nil && info.IsDir() && c.sign == "" {
			return path
		}
	}
	if c.sign != "" && len(paths) > 0 && c.signed(folder) {
		return paths[0]
	}
	return ""
}

// signed reports whether the client's sign is there.
func (c Client) signed(folder *strings.Replacer) bool {
	_, err := os.Stat(filepath.FromSlash(folder.Replace(c.sign)))
	return c.sign != "" && err == nil
}

// installed reports whether the client seems to be there.
func (c Client) installed(folder *strings.Replacer) bool {
	return c.file(folder) != "" || c.signed(folder)
}
