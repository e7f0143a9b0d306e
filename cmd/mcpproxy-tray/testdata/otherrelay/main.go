// Otherrelay passes calls from HTTP on to the stdio server that it is told to start, in
// one of two ways that the program is measured beside:
//
//	otherrelay least SERVER: with net/http and nothing else: no sessions, no checks, one server
//	otherrelay typed SERVER: with the Go SDK's types on both sides, as most relays do it
//
// It writes the address that it serves at to its stdout and ends when its stdin does.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	handler := map[string]func(string) http.Handler{"least": least, "typed": typed}[os.Args[1]](os.Args[2])
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	go func() { log.Fatal(http.Serve(l, handler)) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// least numbers each call's body anew, so that calls of many clients can wait side by side.
func least(server string) http.Handler {
	cmd := exec.Command(server)
	in, err := cmd.StdinPipe()
	if err != nil {
		log.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	var mu sync.Mutex // guards what follows and in
	last := 0
	waiting := map[int]chan []byte{}
	go func() {
		lines := bufio.NewReaderSize(out, 1<<20)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			id := 0
			_, _ = fmt.Sscanf(string(line[:min(len(line), 40)]), `{"jsonrpc":"2.0","id":%d`, &id)
			mu.Lock()
			answer := waiting[id]
			delete(waiting, id)
			mu.Unlock()
			if answer != nil {
				answer <- line
			}
		}
	}()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		answer := make(chan []byte, 1)
		_, params, _ := bytes.Cut(body, []byte(`"method"`))
		mu.Lock()
		last++
		waiting[last] = answer
		_, _ = fmt.Fprintf(in, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\"%s\n", last, params)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(<-answer)
	})
}

func typed(server string) http.Handler {
	ctx := context.Background()
	us := &mcp.Implementation{Name: "otherrelay", Version: "0"}
	to, err := mcp.NewClient(us, nil).Connect(ctx, &mcp.CommandTransport{Command: exec.Command(server)}, nil)
	if err != nil {
		log.Fatal(err)
	}
	s := mcp.NewServer(us, nil)
	s.AddTool(&mcp.Tool{Name: "line__echo", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return to.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: r.Params.Arguments})
	})
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{JSONResponse: true})
}
