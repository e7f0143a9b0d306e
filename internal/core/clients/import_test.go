package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

// imported is what taking over a client's file gives, a line for each server.
func imported(t *testing.T, u User, ours string, ids ...string) (*Import, []string) {
	t.Helper()
	var from []Client
	for _, id := range ids {
		from = append(from, client(t, id))
	}
	in, err := u.Import(from, "config.json", []byte(ours))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, taken := range in.Taken {
		got = append(got, fmt.Sprintf("%s = %s %s", taken.Theirs, taken.Name, taken.Entry))
	}
	for _, left := range in.Left {
		got = append(got, left.Theirs+": "+left.Why)
	}
	if cfg, err := config.Parse(in.After); err != nil || len(cfg.Servers) != strings.Count(ours, `"command"`)+len(in.Taken) {
		t.Errorf("the configuration becomes %s, %v", in.After, err)
	}
	return in, got
}

// TestTranslations maps each client's words to ours.
func TestTranslations(t *testing.T) {
	for _, c := range []struct{ id, file, text, want string }{
		{"cursor", "$HOME/.cursor/mcp.json", `{"mcpServers": {"a": {"command": "npx", "args": ["-y", "x"], "env": {"K": "v", "E": "${env:E}", "N": 1}}}}`,
			`a = a {"command":"npx","args":["-y","x"],"env":{"E":"${env:E}","K":"v","N":"1"}}`},
		{"opencode", "$CONFIG/opencode/opencode.json", `{"mcp": {"a": {"type": "local", "command": ["bun", "x"], "environment": {"K": "{env:V}"}, "enabled": false}, "b": {"type": "local", "command": ["y"], "environment": {"K": "{file:~/x}"}}}}`,
			`a = a {"command":"bun","args":["x"],"env":{"K":"${env:V}"},"disabled":true}` + "\n" + `b: it has a value that only the client can fill in ({file:~/x})`},
		{"opencode", "$CONFIG/opencode/opencode.jsonc", `{"mcp": {"servers": {"a": {"type": "remote", "url": "https://a.example/mcp", "disabled": true}}} /* 2 */}`,
			`a = a {"url":"https://a.example/mcp","disabled":true}`},
		{"windsurf", "$HOME/.codeium/windsurf/mcp_config.json", `{"mcpServers": {"a": {"serverUrl": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${env:T}"}}}}`,
			`a = a {"url":"https://a.example/mcp","headers":{"Authorization":"Bearer ${env:T}"}}`},
		{"gemini-cli", "$GEMINI/.gemini/settings.json", `{"mcpServers": {"new": {"httpUrl": "https://a.example/mcp"}, "old": {"url": "https://b.example/sse"}, "v": {"command": "x", "env": {"K": "$KEY", "L": "${LEVEL}"}}}}`,
			`new = new {"url":"https://a.example/mcp"}` + "\n" + `old = old {"type":"sse","url":"https://b.example/sse"}` + "\n" + `v = v {"command":"x","env":{"K":"${env:KEY}","L":"${env:LEVEL}"}}`},
		{"vscode", "$CFG/Code/User/mcp.json", "{\"servers\": { // mine\n\"a\": {\"command\": \"x\", \"env\": {\"K\": \"${input:key}\"}}, \"b\": {\"type\": \"sse\", \"url\": \"https://b.example/\"}, \"c\": {\"command\": \"${workspaceFolder}/x\"}, \"d\": {\"command\": \"${userHome}/x\"},}}",
			`b = b {"type":"sse","url":"https://b.example/"}` + "\n" + `d = d {"command":"HOME/x"}` + "\n" + `a: the client asks for a value of it (${input:key})` + "\n" + `c: it depends on the folder that is open in the client (${workspaceFolder})`},
		{"zed", "$CONFIG/zed/settings.json", `{"context_servers": {"a": {"command": {"path": "zz", "args": ["1"], "env": {"K": "v"}}}, "ext": {"source": "extension", "settings": {}}}}`,
			`a = a {"command":"zz","args":["1"],"env":{"K":"v"}}` + "\n" + `ext: its entry has neither a command nor an address`},
		{"claude-code", "$CLAUDE/.claude.json", `{"mcpServers": {"a": {"type": "stdio", "command": "x", "env": {"K": "${K:-none}"}}}, "projects": {"/p": {"mcpServers": {"odd": 3, "local": {"command": "tool"}}}}}`,
			`local = local {"command":"tool"}` + "\n" + `a: it has a value that only the client can fill in (${K:-none})`},
		{"lm-studio", "$HOME/.lmstudio/mcp.json", `{"mcpServers": {"bad": {"url": "file:///x"}, "both": {"command": "x", "url": "https://b.example/"}, "odd": [], "deep": {"command": "x", "env": {"K": {}}}}}`,
			`bad: "url" is not a web address` + "\n" + `both: The entry has both "command" and "url"` + "\n" + `deep: the value of K is not a text` + "\n" + `odd: its entry is not understood`},
	} {
		t.Run(c.id, func(t *testing.T) {
			u := testUser(t)
			u.put(t, c.file, c.text)
			_, got := imported(t, u, "{}", c.id)
			want := strings.Split(strings.ReplaceAll(c.want, "HOME", u.Home), "\n")
			if !slices.EqualFunc(got, want, strings.HasPrefix) {
				t.Errorf("Import =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestImportTakesEachServerOnce: not what is here, nor twice, nor ourselves; names get free
// and valid.
func TestImportTakesEachServerOnce(t *testing.T) {
	u := testUser(t)
	u.Self = "/opt/renamed"
	u.put(t, "$HOME/.cursor/mcp.json", `{"mcpServers": {"same": {"command": "/usr/bin/npx", "args": ["-y", "fs"]}, "git": {"command": "uvx", "args": ["git"]},
		"us": {"url": "http://localhost:7420/mcp/search"}, "us too": {"command": "/x/mcpproxy-tray", "args": ["bridge"]}, "us, renamed": {"command": "renamed", "args": ["bridge"]}, "a/b": {"command": "ab"}, "\u200b": {"command": "none"}, "Taken": {"command": "t"}}}`)
	u.put(t, "$CFG/Code/User/mcp.json", `{"servers": {"git-too": {"command": "uvx", "args": ["git"]}, "taken": {"command": "u"}}}`)
	ours := "{ // mine\n  \"mcpServers\": {\n    \"fs\": {\"command\": \"npx\", \"args\": [\"-y\", \"fs\"]},\n    \"taken\": {\"command\": \"other\"}\n  }\n}\n"
	in, got := imported(t, u, ours, "cursor", "vscode", "zed")
	want := []string{
		`Taken = Taken-2 {"command":"t"}`, `a/b = a-b {"command":"ab"}`, `git = git {"command":"uvx","args":["git"]}`, "\u200b = server {\"command\":\"none\"}", `taken = taken-3 {"command":"u"}`,
		`same: the same server is here as "fs"`, `us: it is mcpproxy-tray itself`, `us too: it is mcpproxy-tray itself`, `us, renamed: it is mcpproxy-tray itself`, `git-too: the same server is here as "git"`,
		"all: the file cannot be read: Zed has no file with servers here.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Import =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.HasPrefix(string(in.After), ours[:strings.Index(ours, `"other"}`)]) {
		t.Errorf("the configuration becomes %s", in.After)
	}
}

// TestImportRefuses: who has no file, or a broken one, is told.
func TestImportRefuses(t *testing.T) {
	u := testUser(t)
	u.put(t, "$HOME/.cursor/mcp.json", `{"mcpServers": {`)
	for id, want := range map[string]string{"cursor": "ends too early", "zed": "has no file", "goose": "cannot be taken over"} {
		if in, err := u.Import([]Client{client(t, id)}, "config.json", []byte("{}")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", id, in, err)
		}
	}
	if in, err := u.Import([]Client{client(t, "cursor")}, "config.json", []byte("{")); err == nil || !strings.HasPrefix(err.Error(), "config.json:") {
		t.Errorf("a broken configuration: %v, %v", in, err)
	}
}

// TestImportedAreKnown: what came from a client is known until it is changed.
func TestImportedAreKnown(t *testing.T) {
	u, c := testUser(t), client(t, "cursor")
	u.put(t, "$HOME/.cursor/mcp.json", `{"mcpServers": {"a": {"command": "a"}, "b": {"command": "b"}, "gone": {"command": "c"}, "off": {"command": "d"}}}`)
	in, _ := imported(t, u, "{}", "cursor")
	if err := u.Remember(in.Taken); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse([]byte(`{"mcpServers": {"a": {"command": "a"}, "b": {"command": "changed"}, "mine": {"command": "m"}, "off": {"command": "d", "disabled": true}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if same, changed := u.Imported(c, cfg); !slices.Equal(same, []string{"a", "off"}) || !slices.Equal(changed, []string{"b"}) {
		t.Errorf("Imported = %q, %q", same, changed)
	}
	if info, err := os.Stat(filepath.Join(u.Dir, "imported.json")); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("what is remembered: %v, %v", info.Mode(), err)
	}
	if err := u.Forget(c); err != nil {
		t.Fatal(err)
	}
	if same, changed := u.Imported(c, cfg); same != nil || changed != nil {
		t.Errorf("forgotten: %q, %q", same, changed)
	}
}
