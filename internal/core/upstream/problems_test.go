package upstream

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/config"
)

func TestProblemsAreDistinctAndComplete(t *testing.T) {
	codes := map[string]bool{}
	for _, e := range Problems() {
		if codes[e.Code] || !strings.HasPrefix(e.Code, "MPT-") || e.Class == "" || !strings.HasSuffix(e.Text, ".") || !strings.HasSuffix(e.Hint, ".") {
			t.Errorf("entry %+v is not distinct and complete", e)
		}
		codes[e.Code] = true
	}
}

func TestCommandsThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name, code, class string
		srv               config.Server
		says              string // in text and hint
	}{
		{"not found", "MPT-CMD-NOT-FOUND", "config", config.Server{Command: "nosuchprogram"}, `"nosuchprogram"`},
		{"search path", "MPT-CMD-NOT-FOUND", "config", config.Server{Command: "nosuch", Env: map[string]string{"PATH": "/some/where"}}, "Looked in /some/where."},
		{"as written", "MPT-CMD-NOT-FOUND", "config", config.Server{Command: "${env:HOME}/nosuch"}, `"${env:HOME}/nosuch"`},
		{"not executable", "MPT-CMD-NOT-EXECUTABLE", "config", config.Server{Command: file("data", "x", 0o600)}, "data"},
		{"directory", "MPT-CMD-NOT-EXECUTABLE", "config", config.Server{Command: dir}, ""},
		{"interpreter", "MPT-CMD-INTERPRETER", "config", config.Server{Command: file("script", "#!/no/such/python -u\n", 0o700)}, "/no/such/python."},
		{"architecture", "MPT-CMD-ARCH", "config", config.Server{Command: file("program", "\x7fELF\x02\x01\x01 for something else", 0o700)}, "program"},
		{"cwd", "MPT-CMD-CWD", "config", config.Server{Command: os.Args[0], Cwd: filepath.Join(dir, "none")}, "none"},
		{"variable", "MPT-CONFIG-VALUE", "config", config.Server{Command: "${env:NO_SUCH_VARIABLE}"}, "NO_SUCH_VARIABLE"},
		{"exits", "MPT-EXIT-EARLY", "exit", childOf("exit3"), "exit code 3. Try the command in a terminal. It said last: starting | no database"},
		{"killed", "MPT-EXIT-EARLY", "exit", childOf("killed"), "SIGKILL"},
		{"mute", "MPT-START-TIMEOUT", "exit", childOf("mute"), "1s"},
		{"closes", "MPT-STDOUT-CLOSED", "exit", childOf("closes"), ""},
		{"denies", "MPT-HANDSHAKE", "protocol", childOf("denies"), "no licence."},
		{"declares what clients may have", "MPT-HANDSHAKE", "protocol", childOf("caps"), `"elicitation":{"form":{},"url":{}}`},
		{"chatter", "MPT-NOT-MCP-OUTPUT", "protocol", childOf("chatter"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.srv.Name, tt.srv.Transport = "x", "stdio"
			c := testConnector()
			c.Timeouts.Start = time.Second
			_, err := c.Connect(t.Context(), tt.srv)
			p := wantProblem(t, err, tt.code, tt.class)
			if said := p.Text + " " + p.Hint; !strings.Contains(said, tt.says) {
				t.Errorf("says %q, which lacks %q", said, tt.says)
			}
		})
	}
}

func TestExitInTheMiddleOfACall(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	_, _, err := ask(t.Context(), s, "tools/call", []byte(`{"name":"exit"}`))
	p := wantProblem(t, err, "MPT-EXIT", "exit")
	if !strings.Contains(p.Text, "exit code 4") || !strings.Contains(p.Hint, "panic: out of luck") {
		t.Errorf("problem = %+v", p)
	}
}

func TestCommandThatMeansThisProgram(t *testing.T) {
	c := testConnector()
	c.Self = os.Args[0]
	srv := childOf("old")
	srv.Command = "mcpproxy-tray"
	connect(t, c, srv)
}

func TestTailKeepsTheLastLines(t *testing.T) {
	var tl tail
	for range 100 {
		_, _ = tl.Write([]byte("noise\n" + strings.Repeat("long ", 5000)))
	}
	_, _ = tl.Write([]byte("\n\x1b[1mthe \u202eend\x1b[0m"))
	if got := tl.hint(); !strings.HasSuffix(got, "the end") || len(got) > shownBytes+40 || cap(tl.text) > 4*tailBytes {
		t.Errorf("hint = %q", got)
	}
	for n := range 3 * tailBytes { // in pieces of every length
		_, _ = tl.Write([]byte(strings.Repeat("x", n%700) + "\n"))
	}
	_, _ = tl.Write([]byte("one\n\ntwo"))
	if got := tl.hint(); !strings.HasSuffix(got, "| one | two") {
		t.Errorf("hint = %q", got)
	}
}

func BenchmarkTailFlood(b *testing.B) {
	var tl tail
	chunk := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 327))
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		_, _ = tl.Write(chunk)
	}
}
