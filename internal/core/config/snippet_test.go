package config_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

func TestParseSnippet(t *testing.T) {
	for text, want := range map[string]string{
		`https://mcp.linear.app/mcp`:   `linear={"url":"https://mcp.linear.app/mcp"}`,
		" http://127.0.0.1:8080/mcp\n": `127.0.0.1={"url":"http://127.0.0.1:8080/mcp"}`,
		`http://localhost:3000`:        `localhost={"url":"http://localhost:3000"}`,
		`http://[::1]:3000`:            `server={"url":"http://[::1]:3000"}`,
		`{"mcpServers":{"a":{"command":"x"},"b":{"url":"https://e.org"}}}`:  `a={"command":"x"} b={"url":"https://e.org"}`,
		`{"servers":{"a":{"type":"stdio","command":"x"}}}`:                  `a={"type":"stdio","command":"x"}`,
		`{"mcp":{"servers":{"a":{"command":"x"}}}}`:                         `a={"command":"x"}`,
		`{"a":{"command":"x","n":12345678901234567890}}`:                    `a={"command":"x","n":12345678901234567890}`,
		`"a": {"command": "x"},`:                                            `a={"command": "x"}`,
		`{"command":"npx","args":["-y","@scope/server-notes@latest","/p"]}`: `notes={"command":"npx","args":["-y","@scope/server-notes@latest","/p"]}`,
		`{"command":"C:\\bin\\tool.exe"}`:                                   `tool={"command":"C:\\bin\\tool.exe"}`,
		`{"name":"n","url":"https://e.org"}`:                                `n={"name":"n","url":"https://e.org"}`,
		`[{"name":"n","command":"x"},{"name":"m","command":"y"}]`:           `n={"name":"n","command":"x"} m={"name":"m","command":"y"}`,
		"// mine\n{\"a\": {\"command\": \"x\", /* c */}}":                   `a={"command": "x"         }`,
	} {
		found, err := config.ParseSnippet(text)
		if err != nil {
			t.Errorf("ParseSnippet(%q): %v", text, err)
			continue
		}
		var got []string
		for _, n := range found {
			got = append(got, n.Name+"="+string(n.Entry))
			if !json.Valid(n.Entry) {
				t.Errorf("%q: not JSON: %s", text, n.Entry)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("ParseSnippet(%q) = %s, want %s", text, s, want)
		}
	}
}

func TestParseSnippetRefuses(t *testing.T) {
	for _, text := range []string{"", "hello world", "ftp://e.org", "https://", "https://a.org https://b.org", `{"a":1}`, `{}`, `[]`, `{"a":`, `{"mcpServers":{}}`,
		`{"mcpServers":{"a":{"command":""}}}`, "npx -y thing", strings.Repeat("[", 100000), strings.Repeat(" ", 2<<20) + "x" + strings.Repeat("y", 2<<20), "\xff{}"} {
		found, err := config.ParseSnippet(text)
		e, ok := errors.AsType[*config.Error](err)
		if len(found) != 0 || !ok || e.Text == "" || e.Hint == "" || !errors.Is(err, config.ErrInvalid) {
			t.Errorf("ParseSnippet(%.40q) = %v, %v, want a reason", text, found, err)
		}
	}
}

func FuzzParseSnippet(f *testing.F) {
	for _, s := range []string{`{"mcpServers":{"a":{"command":"x"}}}`, "https://a.b", `"a":{"url":"b"}`, `[{"command":"npx","args":["-y",1,"@"]}]`, `{"command":"@"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		found, err := config.ParseSnippet(s)
		if (err == nil) == (len(found) == 0) {
			t.Errorf("%d servers, %v", len(found), err)
		}
		for _, n := range found {
			if !json.Valid(n.Entry) {
				t.Errorf("not JSON: %s", n.Entry)
			}
		}
	})
}
