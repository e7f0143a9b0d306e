package upstream

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// BenchmarkStdioCall compares a raw call with the library's typed one over its
// own transport, both to the same hand-written server.
func BenchmarkStdioCall(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"200B", 200}, {"10kB", 10_000}, {"1MB", 1_000_000}} {
		text := strings.Repeat("lorem ipsum ", size.n/12)
		params := json.RawMessage(`{"name":"echo","arguments":{"text":"` + text + `"}}`)
		b.Run("raw/"+size.name, func(b *testing.B) {
			s := connect(b, testConnector(), childOf("echo"))
			b.ReportAllocs()
			for b.Loop() {
				if _, rpcErr, err := ask(b.Context(), s, "tools/call", params); err != nil || rpcErr != nil {
					b.Fatal(string(rpcErr), err)
				}
			}
		})
		b.Run("typed/"+size.name, func(b *testing.B) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), modeVariable+"=echo")
			client := mcp.NewClient(&mcp.Implementation{Name: "bench"}, nil)
			s, err := client.Connect(b.Context(), &mcp.CommandTransport{Command: cmd}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				p := &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"text": text}}
				if _, err := s.CallTool(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
