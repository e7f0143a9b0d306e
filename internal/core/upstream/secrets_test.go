package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

func TestSecretsAreHidden(t *testing.T) {
	var given collector
	given.process(
		[]string{"API_KEY=sk-12345", "GITHUB_TOKEN=sk-12345-longer", "PWD=/home/me/notes", "PIN_PASSWORD=1234", "HOME=/home/me", "SSH_AUTH_SOCK=/run/agent"},
		[]string{"server", "--token", "abcdef", "--auth=ghijkl", "--key", "-v", "/home/me/notes", "--verbose", "nosecret"},
	)
	var tl tail
	tl.secrets = given.secrets()
	_, _ = tl.Write([]byte("cannot log in to /home/me/notes with sk-12345-longer or sk-12345\nnor with abcdef, ghijkl, 1234, nosecret, /run/agent\n"))
	const want = "It said last: cannot log in to /home/me/notes with ••• or ••• | nor with •••, •••, 1234, nosecret, /run/agent"
	if got := tl.hint(); got != want {
		t.Errorf("hint = %q, want %q", got, want)
	}
}

func TestSecretsOfAServerStayOutOfItsProblem(t *testing.T) {
	srv := childOf("exit3")
	srv.Env["DB_PASSWORD"] = "database"
	_, err := testConnector().Connect(t.Context(), srv)
	if p := wantProblem(t, err, "MPT-EXIT-EARLY", "exit"); strings.Contains(p.Hint, "database") || !strings.Contains(p.Hint, hidden) {
		t.Errorf("hint = %q", p.Hint)
	}
}

func TestNamesOfSecrets(t *testing.T) {
	for name := range strings.FieldsSeq("GITHUB_PAT GITLAB_PAT_RO MONGODB_URI REDIS_URL DATABASE_URL SLACK_WEBHOOK SLACK_WEBHOOK_URL X-API-Key --auth PGPASSWORD") {
		if !namesSecret(name) {
			t.Errorf("%s is not taken for secret", name)
		}
	}
	for name := range strings.FieldsSeq("PATH PATTERN HOME PWD SSH_AUTH_SOCK UV_KEYRING_PROVIDER BASE_URL API_URI") {
		if namesSecret(name) {
			t.Errorf("%s is taken for secret", name)
		}
	}
}

// TestWhatIsGivenToAServerIsHidden tries each way by which a server gets a secret.
func TestWhatIsGivenToAServerIsHidden(t *testing.T) {
	for name, c := range map[string]struct {
		fill func(*collector)
		text string
	}{
		"positional": {func(c *collector) { c.process(nil, []string{"postgres://u:pw12345@h/db"}) }, "no such user u with pw12345"},
		"short":      {func(c *collector) { c.process(nil, []string{"postgres://u:pw@h/db"}) }, "cannot reach postgres://u:pw@h"},
		"variable":   {func(c *collector) { c.variable("PLAIN_NAME", "x9-value-4") }, "bad x9-value-4"},
		"header":     {func(c *collector) { c.remote(config.Server{Headers: map[string]string{"X-Team": "Bearer abc12345"}}) }, "bad abc12345"},
		"basic": {func(c *collector) {
			c.remote(config.Server{Headers: map[string]string{"Authorization": "Basic dTpwdzEyMzQ1"}})
		}, "bad pw12345"},
		"query":       {func(c *collector) { c.remote(config.Server{URL: "https://h/?api_key=abc%2F123"}) }, "bad abc/123 or abc%2F123"},
		"userinfo":    {func(c *collector) { c.remote(config.Server{URL: "https://u:p%40ssword@h/"}) }, "bad p@ssword"},
		"cookie":      {func(c *collector) { c.remote(config.Server{Headers: map[string]string{"Cookie": "sid=abcdef1; x=y"}}) }, "bad abcdef1"},
		"environment": {func(c *collector) { c.process([]string{"GITHUB_PAT=ghp_12345"}, nil) }, "bad ghp_12345"},
	} {
		var given collector
		c.fill(&given)
		got := given.secrets().show(c.text, 200)
		if !strings.Contains(got, hidden) || strings.Contains(got, "12345") || strings.Contains(got, ":pw@") || strings.Contains(got, "ssword") || strings.Contains(got, "abc") || strings.Contains(got, "x9") {
			t.Errorf("%s: shown as %q", name, got)
		}
	}
	var given collector
	for name, value := range map[string]string{"HOME": "/home/somebody", "STAGE": "production", "WHERE": t.TempDir(), "N": "42"} {
		given.variable(name, value)
	}
	if s := given.secrets(); len(s) > 0 {
		t.Errorf("%q are taken for secret", s)
	}
}

func TestSecretsAcrossACutAreHidden(t *testing.T) {
	const secret = "sk-0123456789abcdef"
	for at := tailLineBytes - 2*len(secret); at < tailLineBytes+2; at++ { // the end of a line that is shown
		tl := tail{secrets: secrets{secret}}
		_, _ = tl.Write([]byte(strings.Repeat("x", at) + secret + strings.Repeat("y", 600)))
		if got := tl.hint(); strings.Contains(got, "sk-") {
			t.Fatalf("at %d: hint = %q", at, got)
		}
	}
	for i := 1; i < len(secret); i++ { // the beginning of what is kept
		for _, before := range []string{"", strings.Repeat("z", tailBytes+1)} {
			tl := tail{secrets: secrets{secret}}
			_, _ = tl.Write([]byte(before))
			rest := "\n\nlast words\n"
			filler := strings.Repeat("\n", tailBytes-(len(secret)-i)-len(rest))
			_, _ = tl.Write([]byte(secret + filler + rest))
			if got := tl.hint(); strings.Contains(got, secret[i:]) {
				t.Fatalf("cut at %d: hint = %q", i, got)
			}
		}
	}
}

func TestSecretsStayOutOfWhatAServerAnswers(t *testing.T) {
	t.Setenv("UPSTREAM_TEST_VALUE", "x9-value-4")
	said := `{"code":-1,"message":"` + strings.Repeat("no ", 60) + `access for x9-value-4 or he4der-token-` + strings.Repeat("t", 200) + `"}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct{ ID json.RawMessage }
		_ = json.Unmarshal(body, &m)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":%s}`, m.ID, said)
	}))
	t.Cleanup(srv.Close)
	entry := remoteAt(srv.URL+"/mcp?x=${env:UPSTREAM_TEST_VALUE}", "http")
	entry.Headers = map[string]string{"X-Token": "he4der-token-" + strings.Repeat("t", 200)}
	_, err := testConnector().Connect(t.Context(), entry)
	p := wantProblem(t, err, "MPT-HANDSHAKE", "protocol")
	for _, text := range []string{p.Text, p.Hint, err.Error()} {
		if strings.Contains(text, "x9-value-4") || strings.Contains(text, "he4der") {
			t.Errorf("shown: %q", text)
		}
	}
	if !strings.Contains(p.Text, hidden) {
		t.Errorf("text = %q", p.Text)
	}
}

func TestExpandedValuesStayOutOfProblems(t *testing.T) {
	t.Setenv("UPSTREAM_TEST_VALUE", "x9-va lue-4")
	for _, srv := range []config.Server{
		{Name: "cwd", Command: "x", Transport: "stdio", Cwd: "/${env:UPSTREAM_TEST_VALUE}"},
		{Name: "url", URL: "http://h:${env:UPSTREAM_TEST_VALUE}/", Transport: "http"},
	} {
		_, err := testConnector().Connect(t.Context(), srv)
		if err == nil || strings.Contains(err.Error(), "x9-va") || strings.Contains(err.Error(), "lue-4") {
			t.Errorf("%s: %v", srv.Name, err)
		}
	}
	_, err := (&Connector{}).newRemote(config.Server{URL: "http://h:s3cret/"}, nil)
	if err == nil || strings.Contains(errors.Unwrap(fmt.Errorf("%w", err)).Error(), "parse") {
		t.Errorf("%v quotes the address again", err)
	}
}
