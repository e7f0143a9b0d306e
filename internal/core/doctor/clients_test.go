//go:build linux

package doctor

import (
	"path/filepath"
	"testing"
)

func TestDuplicates(t *testing.T) {
	const cfg = `{"listen": "127.0.0.1:7429", "mcpServers": {
		"a": {"command": "tool", "args": ["x"]},
		"web": {"url": "https://Example.com/mcp/"},
		"off": {"command": "tool", "args": ["off"], "disabled": true}}}`
	for _, tt := range []struct{ name, cursor, claude, want string }{
		{"nothing", `{}`, `{}`, ""},
		{"another", `{"mcpServers": {"b": {"command": "tool", "args": ["y"]}}}`, `{}`, ""},
		{"the same", `{"mcpServers": {"b": {"command": "/usr/bin/tool", "args": ["x"]}}}`, `{}`, `clients: The server "a" is also in the configuration of Cursor. Take it out of `},
		{"the same address", `{}`, `{"mcpServers": {"b": {"url": "https://example.com/mcp"}}}`, `The server "web" is also in the configuration of Claude Code.`},
		{"switched off here", `{"mcpServers": {"b": {"command": "tool", "args": ["off"]}}}`, `{}`, ""},
		{"in two", `{"mcpServers": {"b": {"command": "z"}}}`, `{"mcpServers": {"c": {"command": "z"}}}`, `Claude Code and Cursor each have the server "c".`},
		{"our own", `{"mcpServers": {"us": {"url": "http://localhost:7429/mcp"}, "u2": {"command": "/x/mcpproxy-tray", "args": ["bridge"]}}}`,
			`{"mcpServers": {"us": {"url": "http://127.0.0.1:7429/mcp"}, "u2": {"command": "/x/mcpproxy-tray", "args": ["bridge"]}}}`, ""},
		{"our own by another name", `{"mcpServers": {"us": {"command": "/x/proxy.bin", "args": ["bridge"]}}}`, `{"mcpServers": {"us": {"command": "/x/proxy.bin", "args": ["bridge"]}}}`, ""},
		{"an address that is none", `{"mcpServers": {"b": {"url": "http://[::1"}}}`, `{}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := patient(t, cfg)
			p.Self = "/x/proxy.bin"
			write(t, filepath.Join(p.Dirs.Data, ".cursor", "mcp.json"), tt.cursor, 0o600)
			write(t, filepath.Join(p.Dirs.Data, ".claude.json"), tt.claude, 0o600)
			if tt.want != "" {
				want(t, p, tt.want)
			} else if found := findings(t, p); len(found) > 0 {
				t.Errorf("found %q", found)
			}
		})
	}
}
