package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var plainErrors = cmpopts.IgnoreUnexported(Error{})

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustParse(t testing.TB, data []byte) *Config {
	t.Helper()
	cfg, err := Parse(data)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return cfg
}

func fullConfig() *Config {
	return &Config{
		Listen: "127.0.0.1:0", Quarantine: false, MCPAuth: "none", LogLevel: slog.LevelDebug,
		Notifications: Notifications{true, time.Second, 2 * time.Second, 3 * time.Second, 0, time.Hour, 4 * time.Second, []string{"recovered", "unstable"}},
		Timeouts:      Timeouts{45 * time.Second, 2 * time.Minute, 3 * time.Second, 4 * time.Second, time.Minute},
		History:       History{Enabled: false, MaxBytes: 20 << 20, MaxAge: 48 * time.Hour, Payloads: true, PayloadBytes: 2 << 10},
		Servers: []Server{
			{Name: "filesystem", Command: "npx", Transport: "stdio", Cwd: "/home/me",
				Args: []string{"-y", "@modelcontextprotocol/server-filesystem", "/home/me/notes"},
				Env:  map[string]string{"DEBUG": "1", "TOKEN": "${env:FS_TOKEN}"}},
			{Name: "linear", URL: "https://mcp.linear.app/mcp", Transport: "http",
				Headers: map[string]string{"Authorization": "Bearer ${env:LINEAR}"}},
			{Name: "events", URL: "http://localhost:3001/sse", Transport: "sse"},
			{Name: "old", Command: "uvx", Args: []string{"thing"}, Transport: "stdio", Disabled: true},
			{Name: "older", Command: "uvx", Transport: "stdio", Disabled: true},
			{Name: "größe 😀", Command: `C:\Program Files\größe.exe`, Transport: "stdio"},
			{Name: "broken", Err: &Error{Line: 32, Column: 28, Server: "broken",
				Text: `"command" must be a text in quotes, not a number.`, Hint: "Put it in double quotes."}},
		},
		Warnings: []*Error{
			{Line: 17, Column: 3, Text: `The key "x-team" has no effect.`, Hint: "It stays in the file."},
			{Line: 31, Column: 67, Server: "größe 😀", Text: `The key "autoApprove" has no effect.`, Hint: "It stays in the file."},
		},
	}
}

func TestParseEverything(t *testing.T) {
	if diff := cmp.Diff(fullConfig(), mustParse(t, read(t, "full.json")), plainErrors); diff != "" {
		t.Errorf("Parse(full.json) differs (-want +got):\n%s", diff)
	}
}

func TestParseDefaults(t *testing.T) {
	want := &Config{
		Listen: "127.0.0.1:7420", Quarantine: true, MCPAuth: "token", LogLevel: slog.LevelInfo,
		Notifications: Notifications{true, 10 * time.Second, 30 * time.Second, 5 * time.Second, time.Minute, 30 * time.Minute, 2 * time.Second, nil},
		Timeouts:      Timeouts{30 * time.Second, 5 * time.Minute, 10 * time.Second, 30 * time.Second, 2 * time.Minute},
		History:       History{Enabled: true, MaxBytes: 100 << 20, MaxAge: 90 * 24 * time.Hour, PayloadBytes: 4 << 10},
	}
	for _, text := range []string{"{}", `{"mcpServers": {}}`, `{"mcpServers": [],}`, "\ufeff{} // end", `{"$schema": "x"}`} {
		if diff := cmp.Diff(want, mustParse(t, []byte(text))); diff != "" {
			t.Errorf("Parse(%q) differs (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseListForm(t *testing.T) {
	want := []Server{
		{Name: "github", URL: "https://api.githubcopilot.com/mcp/", Transport: "http", Headers: map[string]string{"Authorization": "Bearer x"}},
		{Name: "python", Command: "uvx", Args: []string{"mcp-server-fetch"}, Env: map[string]string{"A": "b"}, Cwd: "/tmp", Transport: "stdio"},
	}
	cfg := mustParse(t, read(t, "list.json"))
	if diff := cmp.Diff(want, cfg.Servers); diff != "" {
		t.Errorf("servers differ (-want +got):\n%s", diff)
	}
	if len(cfg.Warnings)+len(cfg.Refused) != 0 {
		t.Errorf("warnings %v, refused %v, want none", cfg.Warnings, cfg.Refused)
	}
}

func TestParseMarksAndLineEndings(t *testing.T) {
	want := mustParse(t, read(t, "full.json"))
	for name, data := range map[string][]byte{
		"BOM":            append([]byte("\ufeff"), read(t, "full.json")...),
		"CRLF":           bytes.ReplaceAll(read(t, "full.json"), []byte("\n"), []byte("\r\n")),
		"no end of line": bytes.TrimRight(read(t, "full.json"), "\n"),
		"last comment":   append(read(t, "full.json"), "// end"...),
	} {
		if diff := cmp.Diff(want, mustParse(t, data), plainErrors); diff != "" {
			t.Errorf("%s: differs (-want +got):\n%s", name, diff)
		}
	}
}

// TestParseEveryPrefix cuts files at each byte: what is left is either refused
// or means the same. It is never a configuration with fewer servers.
func TestParseEveryPrefix(t *testing.T) {
	for _, name := range []string{"full.json", "list.json"} {
		data := read(t, name)
		want, refused := mustParse(t, data), 0
		for n := range len(data) {
			cfg, err := Parse(data[:n])
			if err == nil {
				if !cfg.Equal(want) {
					t.Fatalf("%s: the first %d bytes parse to %d servers", name, n, len(cfg.Servers))
				}
				continue
			}
			refused++
			if e, ok := errors.AsType[*Error](err); !ok || e.Text == "" || e.Hint == "" || e.Line == 0 && n > 100 {
				t.Fatalf("%s: the first %d bytes give %#v", name, n, err)
			}
		}
		if refused < len(data)-10 {
			t.Errorf("%s: only %d of %d prefixes were refused", name, refused, len(data))
		}
	}
}

// TestParseRefusesFile lists contents that reject the whole file.
func TestParseRefusesFile(t *testing.T) {
	deep := strings.Repeat(`[`, 100_000)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "The file is empty."},
		{"blank", " \r\n\t\n", "The file is empty."},
		{"only BOM", "\ufeff", "The file is empty."},
		{"zero bytes", "\x00\x00", "1:1: A value is expected here, not “\\x00\\x00”."},
		{"only a comment", "// nothing\n", "2:1: The file ends too early."},
		{"UTF-16", "\xff\xfe{\x00}\x00", "The file is UTF-16, not UTF-8."},
		{"bad byte", "{\n  \"a\": \"\xe4\"}", "2:9: There is a byte here that is not UTF-8 text."},
		{"list", "[]", "1:1: The file must be an object in braces, not a list."},
		{"text", `"x"`, "1:1: The file must be an object in braces, not a text."},
		{"null", "null", "1:1: The file must be an object in braces, not null."},
		{"cut", "{\n \"mcpServers\": {", "2:17: The file ends too early: the { of line 2 is not closed."},
		{"cut in text", "{\"mcpSer", "1:9: The file ends too early: the { of line 1 is not closed."},
		{"cut in block comment", "{} /* x", "1:8: The file ends too early."},
		{"open quote", "{\n \"listen: 1\n}", "2:2: The text that begins here has no closing quote on its line."},
		{"no comma", "{\"a\": 1\n \"b\": 2}", "2:2: A comma or } is missing before “\"b\":”."},
		{"no comma in list", `{"a": [1 2]}`, "1:10: A comma or ] is missing before “2]}”."},
		{"no colon", `{"a" 1}`, "1:6: A colon is missing before “1}”."},
		{"bare key", `{a: 1}`, "1:2: This is no JSON value: “a:”."},
		{"number as key", `{1: 1}`, "1:2: A key in double quotes is expected here, not “1:”."},
		{"no value", `{"a": }`, "1:7: A value is expected here, not “}”."},
		{"two commas", `{"a": 1,, "b": 2}`, "1:9: A value is expected here, not “,”."},
		{"single quotes", `{'a': 1}`, "1:2: A value is expected here, not “'a':”."},
		{"bad escape", `{"a": "C:\path"}`, "1:7: This is no JSON value: “\"C:\\path\"}”."},
		{"more behind", "{}\n}", "2:1: There is more text after the end: “}”."},
		{"column in characters", `{"ä€😀": 1 x}`, "1:11: A comma or } is missing before “x}”."},
		{"deep", deep, "1:201: More than 200 brackets are nested here."},
		{"deep in server", `{"mcpServers": {"a": ` + deep, "1:220: More than 200 brackets are nested here."},
		{"servers null", `{"mcpServers": null}`, `1:16: "mcpServers" must be an object or a list, not null.`},
		{"servers text", `{"mcpServers": "x"}`, `1:16: "mcpServers" must be an object or a list, not a text.`},
		{"servers twice", `{"mcpServers": {}, "mcpServers": {}}`, `1:20: "mcpServers" appears twice in the file.`},
		{"listen twice", `{"listen": "localhost:1", "listen": "localhost:1"}`, `1:27: "listen" appears twice in the file.`},
		{"listen number", `{"listen": 7420}`, `1:12: "listen" must be a text in quotes, not a number.`},
		{"listen everywhere", `{"listen": ":7420"}`, `1:12: "listen" must be an address of this machine only, not ":7420".`},
		{"listen 0.0.0.0", `{"listen": "0.0.0.0:1"}`, `1:12: "listen" must be an address of this machine only, not "0.0.0.0:1".`},
		{"listen name", `{"listen": "example.com:1"}`, `1:12: "listen" must be an address of this machine only, not "example.com:1".`},
		{"listen no port", `{"listen": "127.0.0.1"}`, `1:12: "listen" is not an address with a port: "127.0.0.1".`},
		{"listen big port", `{"listen": "127.0.0.1:70000"}`, `1:12: "listen" is not an address with a port: "127.0.0.1:70000".`},
		{"quarantine text", `{"quarantine": "no"}`, `1:16: "quarantine" must be true or false, not a text.`},
		{"quarantine null", `{"quarantine": null}`, `1:16: "quarantine" must be true or false, not null.`},
		{"mcp_auth", `{"mcp_auth": "off"}`, `1:14: "mcp_auth" cannot be "off".`},
		{"log_level", `{"log_level": "INFO"}`, `1:15: "log_level" cannot be "INFO".`},
		{"timeout number", `{"start_timeout": 30}`, `1:19: "start_timeout" must be a time in quotes, not a number.`},
		{"timeout zero", `{"call_timeout": "0s"}`, `1:18: "call_timeout" is too short: "0s".`},
		{"wait zero", `{"call_wait": "0s"}`, `1:15: "call_wait" is too short: "0s".`},
		{"grace negative", `{"tools_grace": "-1s"}`, `1:17: "tools_grace" is too short: "-1s".`},
		{"timeout words", `{"call_timeout": "soon"}`, `1:18: "call_timeout" is not a time: "soon".`},
		{"timeout huge", `{"call_timeout": "99999999999h"}`, `1:18: "call_timeout" is not a time: "99999999999h".`},
		{"negative delay", `{"notifications": {"group": "-1s"}}`, `1:29: "group" is too short: "-1s".`},
		{"unknown kind", `{"notifications": {"kinds": {"dwon": false}}}`, `1:30: There is no kind of notification "dwon".`},
		{"kind twice", `{"notifications": {"kinds": {"down": false, "down": true}}}`, `1:45: "down" appears twice in "kinds".`},
		{"kind is no switch", `{"notifications": {"kinds": {"down": 1}}}`, `1:38: "down" must be true or false, not a number.`},
		{"notifications list", `{"notifications": []}`, `1:19: "notifications" must be an object, not a list.`},
		{"notifications twice", `{"notifications": {"group": "1s", "group": "1s"}}`, `1:35: "group" appears twice in "notifications".`},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: Parse = %v, want %s", c.name, err, c.want)
			continue
		}
		if e, _ := errors.AsType[*Error](err); e.Hint == "" || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: hint %q, is ErrInvalid %v", c.name, e.Hint, errors.Is(err, ErrInvalid))
		}
	}
}

func TestParseListens(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "127.8.9.1:80", "[::1]:7420", "localhost:65535"} {
		if got := mustParse(t, []byte(`{"listen": "`+addr+`"}`)).Listen; got != addr {
			t.Errorf("listen %q = %q", addr, got)
		}
	}
}

func TestUnknownKeysAreSaidOnce(t *testing.T) {
	cfg := mustParse(t, []byte(`{"listne": 1, "zzz": null, "notifications": {"MIN_UP": 1},
		"mcpServers": {"a": {"command": "x", "alwaysAllow": []}, "b": {"command": "x", "alwaysAllow": [], "comand": 1}}}`))
	want := []string{
		`1:2: The key "listne" has no effect. Did you mean "listen"? It stays in the file.`,
		`1:15: The key "zzz" has no effect. It stays in the file.`,
		`1:46: The key "MIN_UP" has no effect. Did you mean "min_up"? It stays in the file.`,
		`2:40: The key "alwaysAllow" has no effect, here and in 1 more places. It stays in the file.`,
		`2:101: The key "comand" has no effect. Did you mean "command"? It stays in the file.`,
	}
	var got []string
	for _, w := range cfg.Warnings {
		got = append(got, w.Error()+" "+w.Hint)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf(`"k%d": 1`, i))
	}
	if n := len(mustParse(t, []byte("{"+strings.Join(many, ",")+"}")).Warnings); n != maxWarnings {
		t.Errorf("500 unknown keys give %d warnings, want %d", n, maxWarnings)
	}
}

// FuzzParse: nothing panics; what is accepted can be edited, and the edit means what it says.
func FuzzParse(f *testing.F) {
	for _, seed := range [][]byte{read(f, "full.json"), read(f, "list.json"), Default(), []byte(`{"mcpServers":{"a":{}}}`),
		[]byte("{}"), []byte("{/**/}"), []byte("{\"mcpServers\":[{\"name\":\"x\",\"command\":\"y\",}],}//"), []byte("\ufeff{\r\n}"), []byte(`{"a":"\ud800"}`)} {
		f.Add(seed)
	}
	for _, fr := range suite() {
		if text := embed(fr)["entry"]; text != "" && len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse(data)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Text == "" || strings.Contains(e.Text, "hujson") {
				t.Fatalf("error %#v", err)
			}
			return
		}
		for _, s := range cfg.Servers {
			if nameProblem(s.Name) != "" || s.Err == nil && (s.Command == "") == (s.URL == "") {
				t.Fatalf("accepted %#v", s)
			}
		}
		for _, s := range cfg.Servers[:min(3, len(cfg.Servers))] {
			checkSwitch(t, data, cfg, s.Name)
			checkRemove(t, data, cfg, s.Name)
		}
		checkAdd(t, data, cfg, "added", json.RawMessage(`{"command":"x","args":["a, b: c"]}`))
	})
}
