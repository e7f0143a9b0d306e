//go:build linux

package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	relayTime  = flag.Duration("relay-time", 200*time.Millisecond, "how long TestRelay calls for each of its numbers")
	relayCrowd = flag.Int("relay-crowd", 200, "how many calls TestRelay makes at once")
)

// A line is a client on one connection that costs as little as one can.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	ask  []byte
	want string // how the answer begins
}

// lineTo connects to p and prepares one call.
func lineTo(t testing.TB, p *program, path string, c *caller, id int, arguments string) *line {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"line__echo","arguments":%s}}`, id, arguments)
	ask := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"+
		"Mcp-Session-Id: %s\r\nMcp-Protocol-Version: 2025-11-25\r\nContent-Length: %d\r\n\r\n%s", path, strings.TrimPrefix(p.url, "http://"), c.token, c.session, len(body), body)
	return &line{conn, bufio.NewReaderSize(conn, 4<<10), []byte(ask), "HTTP/1.1 200"}
}

// call makes the call and reads its answer, which must be a result of at least size bytes.
func (l *line) call(size int) error {
	if _, err := l.conn.Write(l.ask); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		h, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(h, []byte(l.want)) {
			return fmt.Errorf("answered %q", h)
		}
		if v, ok := bytes.CutPrefix(h, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		if len(h) == 2 {
			break
		}
	}
	if length < size {
		rest, _ := io.ReadAll(io.LimitReader(l.in, int64(length)))
		return fmt.Errorf("answered %q", rest)
	}
	_, err := l.in.Discard(length)
	return err
}

// TestRelay measures calls through the program to a stdio server; see docs/performance.md.
func TestRelay(t *testing.T) {
	dir := t.TempDir()
	server := filepath.Join(dir, "lineserver")
	if out, err := exec.Command("go", "build", "-o", server, "./testdata/lineserver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	home := t.TempDir()
	writeConfig(t, home, fmt.Sprintf(`"line": {"command": %q}`, server), `"quarantine": false,`)
	p := run(t, home, nil, "serve")
	p.waitState("line", "connected")
	open := func() *caller { return newCaller(t, p, "line", false) }

	one := lineTo(t, p, "/mcp", open(), 1, `{"size":200}`)
	took := callFor(t, *relayTime, one, 200)
	report(t, "relayed call, 200 B, one client, median", "≤ 0.12 ms", fmt.Sprintf("%.3f ms", float64(percentile(took, 0.5).Microseconds())/1000))
	direct := directCalls(t, server)
	report(t, "the same to the server itself, over its stdin", "–", fmt.Sprintf("%.3f ms", float64(percentile(direct, 0.5).Microseconds())/1000))
	page := lineTo(t, p, "/mcp/nothing", open(), 1, `{}`)
	page.want = "HTTP/1.1 404"
	floor := callFor(t, *relayTime, page, 0)
	report(t, "an HTTP request that the program answers at once", "–", fmt.Sprintf("%.3f ms", float64(percentile(floor, 0.5).Microseconds())/1000))

	const clients = 8
	before := usage(t, p.app)
	began := time.Now()
	var wg sync.WaitGroup
	counts := make([]int, clients)
	for i := range clients {
		l := lineTo(t, p, "/mcp", open(), 1, `{"size":200}`)
		wg.Go(func() { counts[i] = len(callFor(t, *relayTime, l, 200)) })
	}
	wg.Wait()
	n := 0
	for _, c := range counts {
		n += c
	}
	spent := usage(t, p.app).cpu - before.cpu
	report(t, "relayed calls, 200 B, 8 clients", "≥ 10,000/s", fmt.Sprintf("%.0f/s", float64(n)/time.Since(began).Seconds()))
	report(t, "CPU of the program for each", "≤ 0.09 ms", fmt.Sprintf("%.3f ms", spent.Seconds()*1000/float64(n)))

	big := lineTo(t, p, "/mcp", open(), 1, `{"size":1000000}`)
	took = callFor(t, *relayTime, big, 1_000_000)
	report(t, "relayed call, 1 MB, median", "≤ 10 ms", ms(percentile(took, 0.5)))
	relayCrowdAtOnce(t, p, open())
}

// relayCrowdAtOnce makes many calls of one session that wait for their answers together.
func relayCrowdAtOnce(t *testing.T, p *program, c *caller) {
	lines := make([]*line, *relayCrowd)
	arguments := fmt.Sprintf(`{"size":200,"wait":%d}`, 500+len(lines)/2) // until the last has asked
	for i := range lines {
		lines[i] = lineTo(t, p, "/mcp", c, i+1, arguments)
	}
	errs := make(chan error, len(lines))
	for _, l := range lines {
		go func() { errs <- l.call(200) }()
	}
	failed := 0
	for range lines {
		if err := <-errs; err != nil {
			if failed++; failed < 5 {
				t.Errorf("one of many calls: %v", err)
			}
		}
	}
	report(t, fmt.Sprintf("%d calls at once: not answered; RSS after them", len(lines)), "0; ≤ 300 MB", fmt.Sprintf("%d; %d MB", failed, usage(t, p.app).rss>>20))
}

// callFor makes calls one after another and returns how long each took.
func callFor(t *testing.T, d time.Duration, l *line, size int) (took []time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end) || len(took) < 10; {
		began := time.Now()
		if err := l.call(size); err != nil {
			t.Error(err)
			return append(took, time.Since(began))
		}
		took = append(took, time.Since(began))
	}
	return took
}

// directCalls calls the server over its own stdin.
func directCalls(t *testing.T, server string) (took []time.Duration) {
	cmd := exec.Command(server)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	lines := bufio.NewReader(out)
	for end := time.Now().Add(*relayTime); time.Now().Before(end); {
		began := time.Now()
		if _, err := io.WriteString(in, `{"jsonrpc":"2.0","id":"r1","method":"tools/call","params":{"name":"echo","arguments":{"size":200}}}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := lines.ReadSlice('\n'); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	return took
}
