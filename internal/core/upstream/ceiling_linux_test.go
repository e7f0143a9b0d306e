package upstream

import (
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

// hoarder is a server that takes 60 MB when it is called. Its argument is its limit
// of memory in kB.
const hoarder = `ulimit -d "$0"
while read -r line; do
	id=${line##*\"id\":}
	id=${id%%[,\}]*}
	case $line in
	*'"initialize"'*) say='"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"hoarder","version":"1"}}' ;;
	*'"tools/list"'*) say='"result":{"tools":[{"name":"hoard","inputSchema":{"type":"object"}}]}' ;;
	*'"tools/call"'*) hoard=$(head -c 60000000 /dev/zero | tr '\0' a) || exit
		say='"result":{"content":[]}' ;;
	*'"id"'*) say='"error":{"code":-32601,"message":"no such method"}' ;;
	*) continue ;;
	esac
	printf '{"jsonrpc":"2.0","id":%s,%s}\n' "$id" "$say"
done
`

// TestServerOutOfMemory lets a server reach its limit of memory in the middle of a
// call: the call gets one error, which says how the process ended; a server beside
// it goes on; and it starts again as if nothing had been. With memory enough the
// same call is answered.
func TestServerOutOfMemory(t *testing.T) {
	c := testConnector()
	beside := connect(t, c, childOf("old"))
	for _, most := range []string{"32768", "32768", "unlimited"} {
		s := connect(t, c, config.Server{Name: "hoarder", Transport: "stdio", Command: "sh", Args: []string{"-c", hoarder, most}})
		if names := toolNames(t, s); len(names) != 1 || names[0] != "hoard" {
			t.Fatalf("tools = %q", names)
		}
		answer, refusal, err := ask(t.Context(), s, "tools/call", []byte(`{"name":"hoard","arguments":{}}`))
		if most == "unlimited" {
			if err != nil || string(answer) != `{"content":[]}` {
				t.Errorf("with memory enough: %s, %s, %v", answer, refusal, err)
			}
			continue
		}
		p := wantProblem(t, err, "MPT-EXIT", "exit")
		if answer != nil || refusal != nil || !strings.HasPrefix(p.Text, "The server's process ended: ") || !strings.HasPrefix(p.Hint, "See the server's log.") {
			t.Errorf("the call got %s, %s, %q, %q", answer, refusal, p.Text, p.Hint)
		}
		t.Log(p.Text, p.Hint)
	}
	if got := result(t, beside, "tools/list", `{}`); !strings.Contains(got, `"tools"`) {
		t.Errorf("the server beside it answered %s", got)
	}
}

// TestStartThatTheSystemRefuses passes arguments that are longer than the system
// takes: what it says stands in the sentence.
func TestStartThatTheSystemRefuses(t *testing.T) {
	srv := config.Server{Name: "long", Transport: "stdio", Command: "sh", Args: []string{"-c", strings.Repeat(":;", 1<<20)}}
	_, err := testConnector().Connect(t.Context(), srv)
	p := wantProblem(t, err, "MPT-CMD-START", "config")
	if p.Text != `The command "sh" could not be started: argument list too long.` || !strings.HasPrefix(p.Hint, "Try it in a terminal.") {
		t.Errorf("says %q, %q", p.Text, p.Hint)
	}
}
