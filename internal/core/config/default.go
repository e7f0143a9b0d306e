package config

// Default returns the configuration of a first run: one server, the program's
// own demo. The command "mcpproxy-tray" stands for the running program itself,
// wherever it is installed.
func Default() []byte {
	return []byte(`// Configuration of mcpproxy-tray. Comments and trailing commas are fine.
// Saved changes apply at once; only the servers that changed restart.
{
  "listen": "127.0.0.1:7420",

  "mcpServers": {
    // A small server that comes with mcpproxy-tray, to try things with.
    "demo": { "command": "mcpproxy-tray", "args": ["demo-server"] },

    // More servers look like these:
    // "files":  { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/home/me/notes"] },
    // "linear": { "url": "https://mcp.linear.app/mcp" },
    // "github": { "url": "https://api.githubcopilot.com/mcp/", "headers": { "Authorization": "Bearer ${env:GITHUB_TOKEN}" } },
  }
}
`)
}
