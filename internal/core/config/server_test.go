package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEntryProblems: one broken entry gets its reason, the one behind it loads.
func TestEntryProblems(t *testing.T) {
	for _, c := range []struct{ entry, want string }{
		{`5`, `"a" must be an object, not a number.`},
		{`null`, `"a" must be an object, not null.`},
		{`{}`, `The entry has neither "command" nor "url".`},
		{`{"command": ""}`, `The entry has neither "command" nor "url".`},
		{`{"command": null}`, `"command" must be a text in quotes, not null.`},
		{`{"command": ["npx"]}`, `"command" must be a text in quotes, not a list.`},
		{`{"command": "x", "url": "http://h/"}`, `The entry has both "command" and "url".`},
		{`{"command": "x", "command": "y"}`, `"command" appears twice.`},
		{`{"command": "x", "args": "-y"}`, `"args" must be a list, not a text.`},
		{`{"command": "x", "args": [1]}`, `"args" must be a text in quotes, not a number.`},
		{`{"command": "x", "args": null}`, `"args" must be a list, not null.`},
		{`{"command": "x", "env": []}`, `"env" must be an object, not a list.`},
		{`{"command": "x", "env": {"PORT": 80}}`, `"PORT" must be a text in quotes, not a number.`},
		{`{"command": "x", "env": {"A": "1", "A": "2"}}`, `"A" appears twice in "env".`},
		{`{"command": "x", "env": {"A=B": "1"}}`, `"A=B" in "env" cannot name an environment variable.`},
		{`{"command": "x", "env": {"": "1"}}`, `"" in "env" cannot name an environment variable.`},
		{`{"command": "x", "env": {"A": "\u0000"}}`, `The value of "A" in "env" contains a zero byte.`},
		{`{"command": "x\u0000"}`, `"command", "args" or "cwd" contains a zero byte.`},
		{`{"command": "x", "revision": "2025-11-24"}`, `"revision" cannot be "2025-11-24".`},
		{`{"command": "x", "revision": 2025}`, `"revision" must be a text in quotes, not a number.`},
		{`{"command": "x", "cwd": 1}`, `"cwd" must be a text in quotes, not a number.`},
		{`{"command": "x", "cwd": "/a", "working_dir": "/b"}`, `"cwd" and "working_dir" say different things.`},
		{`{"command": "x", "enabled": "yes"}`, `"enabled" must be true or false, not a text.`},
		{`{"command": "x", "disabled": 1}`, `"disabled" must be true or false, not a number.`},
		{`{"command": "x", "enabled": true, "disabled": true}`, `"enabled" and "disabled" contradict each other.`},
		{`{"command": "x", "type": "tcp"}`, `"type" cannot be "tcp".`},
		{`{"command": "x", "type": "http"}`, `A program is spoken to over stdio, not "http".`},
		{`{"url": "http://h/", "type": "stdio"}`, `A "url" cannot be contacted over stdio.`},
		{`{"url": "http://h/", "type": "sse", "transport": "http"}`, `The entry asks for two transports, "sse" and "http".`},
		{`{"url": "h:80/mcp"}`, `"url" is not a web address.`},
		{`{"url": "file:///etc/passwd"}`, `"url" is not a web address.`},
		{`{"url": "http:///x"}`, `"url" is not a web address.`},
		{`{"url": "http://h:99999/x"}`, `The port in "url" does not exist.`},
		{`{"url": "http://h:0/x"}`, `The port in "url" does not exist.`},
		{`{"url": "http://h/", "headers": {"A B": "1"}}`, `"A B" cannot name an HTTP header.`},
		{`{"url": "http://h/", "headers": {"A": "1\r\nB: 2"}}`, `The value of header "A" contains a line break.`},
	} {
		cfg, err := Parse([]byte("{\"mcpServers\": {\n\"a\": " + c.entry + ", \"b\": {\"command\": \"x\"}}}"))
		if err != nil || len(cfg.Servers) != 2 || cfg.Servers[1].Err != nil {
			t.Errorf("%s: %v, %v", c.entry, cfg, err)
			continue
		}
		a := cfg.Servers[0]
		if a.Err == nil || a.Err.Text != c.want || a.Err.Line != 2 || a.Err.Server != "a" || a.Err.Hint == "" {
			t.Errorf("%s: %#v, want %s", c.entry, a.Err, c.want)
		}
		if a.Command+a.URL+a.Transport != "" || a.Env != nil {
			t.Errorf("%s: a broken entry can be run: %#v", c.entry, a)
		}
	}
}

func TestListEntriesWithoutName(t *testing.T) {
	cfg := mustParse(t, []byte(`{"mcpServers": [1, {}, {"name": 5}, {"name": "a", "name": "b"}, {"name": "ok", "command": "x"}]}`))
	want := []string{
		`1:17: Entry 1 of "mcpServers" must be an object, not a number.`,
		`1:20: Entry 2 of "mcpServers" needs one "name".`,
		`1:33: "name" must be a text in quotes, not a number.`,
		`1:37: Entry 4 of "mcpServers" needs one "name".`,
	}
	var got []string
	for _, e := range cfg.Refused {
		got = append(got, e.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" || len(cfg.Servers) != 1 {
		t.Errorf("refused differs (-want +got):\n%s", diff)
	}
}

func TestTransports(t *testing.T) {
	for entry, want := range map[string]string{
		`"command": "x"`:                                  "stdio",
		`"command": "x", "type": "stdio"`:                 "stdio",
		`"command": "x", "protocol": "auto"`:              "stdio",
		`"url": "http://h/"`:                              "http",
		`"url": "http://h/", "protocol": "auto"`:          "http",
		`"url": "http://h/", "type": "streamable-http"`:   "http",
		`"url": "http://h/", "type": "streamableHttp"`:    "http",
		`"url": "http://h/", "transport": "sse"`:          "sse",
		`"url": "https://${env:HOST}/", "command": ""`:    "http",
		`"url": "http://h/", "type": "sse", "name": "zz"`: "sse",
	} {
		s := mustParse(t, []byte(`{"mcpServers": {"a": {`+entry+`}}}`)).Servers[0]
		if s.Err != nil || s.Transport != want {
			t.Errorf("%s: transport %q, %v, want %q", entry, s.Transport, s.Err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"HOST": "example.com", "TOKEN": "s3cret", "EMPTY": "", "NESTED": "${env:TOKEN}", "LINES": "a\r\nb"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	in := Server{Name: "a", URL: "https://${env:HOST}/mcp", Args: []string{"${env:EMPTY}", "$${env:TOKEN}", "${HOME} $x ${env:NESTED}", "a${env:HOST}b${env:HOST}"},
		Headers: map[string]string{"Authorization": "Bearer ${env:TOKEN}"}, Transport: "http"}
	got, err := in.Expand(lookup)
	want := Server{Name: "a", URL: "https://example.com/mcp", Args: []string{"", "${env:TOKEN}", "${HOME} $x ${env:TOKEN}", "aexample.combexample.com"},
		Headers: map[string]string{"Authorization": "Bearer s3cret"}, Transport: "http"}
	if err != nil || !got.Equal(want) {
		t.Errorf("Expand = %#v, %v, want %#v", got, err, want)
	}
	if in.Headers["Authorization"] != "Bearer ${env:TOKEN}" {
		t.Error("Expand changed its receiver")
	}
	for _, c := range []struct {
		srv  Server
		want string
	}{
		{Server{Command: "${env:NOPE}"}, `"command" needs the environment variable "NOPE", which is not set.`},
		{Server{Env: map[string]string{"A": "x${keyring:github/token}"}}, `"env" refers to the keyring, which is not supported yet.`},
		{Server{Cwd: "${env:}"}, `"cwd" contains a ${env: that is not complete.`},
		{Server{Args: []string{"${env:HOST"}}, `"args" contains a ${env: that is not complete.`},
		{Server{URL: "${env:TOKEN}"}, `"url" is not a web address.`},
		{Server{Headers: map[string]string{"A": "${env:LINES}"}}, `The value of header "A" contains a line break.`},
	} {
		c.srv.Name = "srv"
		_, err := c.srv.Expand(lookup)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Text != c.want || e.Hint == "" || e.Server != "srv" || strings.Contains(e.Text+e.Hint, "s3cret") {
			t.Errorf("Expand(%v) = %v, want %s", c.srv, err, c.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		srv  Server
		want string
	}{
		{Server{}, ""},
		{Server{Command: "npx", Args: []string{"-y", "@scope/pkg@1.2", "/home/me"}}, "npx -y @scope/pkg@1.2 /home/me"},
		{Server{Command: "/opt/my app/x", Args: []string{"", "it's", "a;b", "$HOME", `"q"`, "ä", "*"}}, `'/opt/my app/x' '' 'it'\''s' 'a;b' '$HOME' '"q"' ä '*'`},
		{Server{Command: "x", Args: []string{"a\nb", "\u202egnp\\'", "\x1b[2K"}}, `x $'a\x0ab' $'\u202egnp\\\'' $'\x1b[2K'`},
		{Server{Command: "x", Env: map[string]string{"TOKEN": "s3cret"}}, "x"},
		{Server{URL: "https://me:s3cret@h/mcp?profile=work&api_key=s3cret"}, "https://me:xxxxx@h/mcp?profile=work&api_key=..."},
		{Server{URL: "https://x:s3cret@${env:HOST}/mcp?a=s3cret"}, "...@${env:HOST}/mcp?..."},
		{Server{URL: "https://h/mcp", Headers: map[string]string{"Authorization": "s3cret"}}, "https://h/mcp"},
	} {
		if got := c.srv.CommandLine(); got != c.want {
			t.Errorf("CommandLine(%#v) = %s, want %s", c.srv.Args, got, c.want)
		}
	}
}

func TestServerIsNotPrintedWithSecrets(t *testing.T) {
	s := Server{Name: "a", Command: "x", Env: map[string]string{"T": "s3cret"}, Headers: map[string]string{"A": "s3cret"}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "server", s)
	for _, out := range []string{log.String(), fmt.Sprint(s), fmt.Sprintf("%v %+v %s", s, &s, s)} {
		if strings.Contains(out, "s3cret") || !strings.Contains(out, "x") {
			t.Errorf("printed %s", out)
		}
	}
}

func TestServerEqual(t *testing.T) {
	base := func() Server {
		return Server{Name: "a", Command: "x", Args: []string{"1"}, Env: map[string]string{"A": "1", "B": "2"}, Transport: "stdio"}
	}
	if !base().Equal(base()) || !(Server{Args: []string{}}).Equal(Server{}) {
		t.Error("equal servers differ")
	}
	for i, change := range []func(*Server){
		func(s *Server) { s.Name = "b" }, func(s *Server) { s.Command = "y" }, func(s *Server) { s.Args = []string{"1", "2"} },
		func(s *Server) { s.Env["A"] = "2" }, func(s *Server) { delete(s.Env, "B") }, func(s *Server) { s.Cwd = "/" },
		func(s *Server) { s.URL = "http://h/" }, func(s *Server) { s.Headers = map[string]string{"A": "1"} },
		func(s *Server) { s.Transport = "sse" }, func(s *Server) { s.Disabled = true }, func(s *Server) { s.Err = &Error{Text: "x"} },
	} {
		s := base()
		if change(&s); s.Equal(base()) {
			t.Errorf("change %d is not seen", i)
		}
	}
}

// TestDocumentedExamples parses each jsonc block of the reference.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile("../../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, part := range strings.Split(string(text), "```jsonc\n")[1:] {
		block, _, closed := strings.Cut(part, "\n```")
		n++
		cfg, err := Parse([]byte(block))
		if err != nil || !closed {
			t.Errorf("example %d: %v\n%s", n, err, block)
			continue
		}
		for _, s := range cfg.Servers {
			if s.Err != nil {
				t.Errorf("example %d: %v", n, s.Err)
			}
		}
		if len(cfg.Refused)+len(cfg.Warnings) > 0 {
			t.Errorf("example %d: refused %v, warnings %v", n, cfg.Refused, cfg.Warnings)
		}
		if n == 1 && !cfg.Equal(&Config{Listen: cfg.Listen, Quarantine: true, MCPAuth: "token", Servers: cfg.Servers,
			LogLevel: cfg.LogLevel, Notifications: Fallback().Notifications, Timeouts: Fallback().Timeouts, History: Fallback().History}) {
			t.Error("the first example is not made of the defaults")
		}
	}
	if n < 4 {
		t.Errorf("only %d examples", n)
	}
	for _, key := range slices.Concat(topKeys, noticeKeys, historyKeys, serverKeys) {
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("docs/config.md does not explain %q", key)
		}
	}
}
