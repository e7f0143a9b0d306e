package clients

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// randomTOML writes a file as Codex and its users do.
func randomTOML(r *rand.Rand) string {
	eol := []string{"\n", "\r\n"}[r.IntN(2)]
	blocks := []string{
		"[mcp_servers.notes]\ncommand = \"npx\" # ü\nargs = [\n  \"-y\",\n  \"[mcp_servers.mcpproxy-tray]\",\n]\n\n[mcp_servers.notes.env]\nKEY = \"hide-1\"\n",
		"[profiles.fast]\nmodel = \"o\"\ntext = '''\n[table]\n'''\n",
		"[[list]]\nn = 1\n[[list]]\nn = 2.50\n",
		"# [mcp_servers.mcpproxy-tray]\n[tui]\nwhen = 2026-11-23T09:14:02Z\n",
	}
	if r.IntN(2) == 0 {
		blocks = append(blocks, []string{
			"[mcp_servers.mcpproxy-tray]\ncommand = \"other\"\n",
			"[mcp_servers . \"mcpproxy-tray\"]\nurl = \"http://other\"\n[mcp_servers.mcpproxy-tray.http_headers]\nA = \"b\"\n",
		}[r.IntN(2)])
	}
	r.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	text := []string{"", "model = \"gpt\" # mine\n"}[r.IntN(2)] + strings.Join(blocks[:r.IntN(len(blocks)+1)], []string{"", "\n"}[r.IntN(2)])
	if r.IntN(3) == 0 {
		text = strings.TrimSuffix(text, "\n")
	}
	return strings.ReplaceAll(text, "\n", eol)
}

// TestCodexDisconnectRestores: as TestDisconnectRestores, for TOML.
func TestCodexDisconnectRestores(t *testing.T) {
	c, u := client(t, "codex"), testUser(t)
	for seed := range uint64(150) {
		before := randomTOML(rand.New(rand.NewPCG(seed, 3)))
		path := u.put(t, "$CODEX/config.toml", before)
		u.connect(t, c)
		connected := content(t, path)
		if u.as(c, path) != Name || !strings.Contains(connected, "s3cret") {
			t.Fatalf("seed %d: not connected:\n%s", seed, connected)
		}
		if strings.Contains(before, "\r\n") && strings.Count(connected, "\n") != strings.Count(connected, "\r\n") {
			t.Errorf("seed %d: line endings are mixed: %q", seed, connected)
		}
		if again := u.connect(t, c); !again.Empty() {
			t.Errorf("seed %d: connecting twice changes\n%s", seed, again.Diff())
		}
		switch seed % 3 {
		case 0: // somebody else writes
			before += "\n[later]\nx = 1\n"
			u.put(t, "$CODEX/config.toml", connected+"\n[later]\nx = 1\n")
		case 1: // also into our entry
			u.put(t, "$CODEX/config.toml", strings.Replace(connected, "http_headers = {", "startup_timeout_sec = 20\nhttp_headers = {", 1))
		}
		off := u.disconnect(t, c)
		got := content(t, path)
		if seed%3 == 1 { // layout may differ, nothing else
			got, _ = tomlForm{}.meaning([]byte(got), false)
			before, _ = tomlForm{}.meaning([]byte(before), false)
		}
		if got != before {
			t.Fatalf("seed %d: after disconnecting\n%q\nwant\n%q\nconnected\n%q", seed, got, before, connected)
		}
		if diff := off.Diff(); strings.Contains(diff, "s3cret") || strings.Contains(diff, "hide-") {
			t.Fatalf("seed %d: the difference shows a secret:\n%s", seed, diff)
		}
	}
}

// TestCodexRefusals: what cannot be edited at one place is explained.
func TestCodexRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\nb = = 2\n":       "config.toml:2:5: The file is not TOML",
		"a = 1\na = 2\n":         "The file is not TOML",
		"mcp_servers = {}\n":     "no table can be added",
		"mcp_servers = { a = 1}": "no table can be added",
		"[mcp_servers]\nmcpproxy-tray = { url = \"x\" }\n":                                        "not edited here",
		"[mcp_servers.mcpproxy-tray]\nurl = \"x\"\n[b]\n[mcp_servers.mcpproxy-tray.env]\nK=\"v\"": "not edited here",
	} {
		u, c := testUser(t), client(t, "codex")
		path := u.put(t, "$CODEX/config.toml", text)
		if change, err := u.Connect(c, endpoint); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Connect to %q = %v, %v, want %s", text, change, err, want)
		}
		if got := content(t, path); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestImportFromCodex reads its words.
func TestImportFromCodex(t *testing.T) {
	u := testUser(t)
	u.put(t, "$CODEX/config.toml", "model = \"x\"\n[mcp_servers.fs]\ncommand = \"npx\"\nargs = [\"fs\"]\nenabled = false\n[mcp_servers.fs.env]\nK = \"v\"\n"+
		"[mcp_servers.web]\nurl = \"https://w.example/mcp\"\nbearer_token_env_var = \"TOKEN\"\nenv_http_headers = { \"X-A\" = \"A\" }\nhttp_headers = { \"X-B\" = \"b\" }\n")
	_, got := imported(t, u, "{}", "codex")
	want := []string{`fs = fs {"command":"npx","args":["fs"],"env":{"K":"v"},"disabled":true}`,
		`web = web {"url":"https://w.example/mcp","headers":{"Authorization":"Bearer ${env:TOKEN}","X-A":"${env:A}","X-B":"b"}}`}
	if !slices.Equal(got, want) {
		t.Errorf("Import =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
