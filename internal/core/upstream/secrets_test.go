package upstream

import (
	"strings"
	"testing"
)

func TestSecretsAreHidden(t *testing.T) {
	secrets := secretsOf(
		[]string{"API_KEY=sk-12345", "GITHUB_TOKEN=sk-12345-longer", "PWD=/home/me/notes", "PIN_PASSWORD=1234", "HOME=/home/me", "SSH_AUTH_SOCK=/run/agent"},
		[]string{"server", "--token", "abcdef", "--auth=ghijkl", "--key", "-v", "/home/me/notes", "--verbose", "nosecret"},
	)
	var tl tail
	tl.secrets = secrets
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
