//go:build linux

package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// lineTo connects to where c calls and prepares one call.
func lineTo(t testing.TB, path string, c *caller, id int, arguments string) *line {
	t.Helper()
	host := strings.TrimSuffix(strings.TrimPrefix(c.url, "http://"), "/mcp")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"line__echo","arguments":%s}}`, id, arguments)
	ask := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"+
		"Mcp-Session-Id: %s\r\nMcp-Protocol-Version: 2025-11-25\r\nContent-Length: %d\r\n\r\n%s", path, host, c.token, c.session, len(body), body)
	return &line{conn, bufio.NewReaderSize(conn, 4<<10), []byte(ask), "HTTP/1.1 200"}
}

// call makes the call and reads its answer, which must be a result of at least size bytes.
func (l *line) call(size int) error {
	if _, err := l.conn.Write(l.ask); err != nil {
		return err
	}
	length, chunked := 0, false
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
		chunked = chunked || bytes.HasPrefix(h, []byte("Transfer-Encoding: chunked"))
		if len(h) == 2 {
			break
		}
	}
	if chunked {
		n, err := io.Copy(io.Discard, httputil.NewChunkedReader(l.in))
		if err == nil && n < int64(size) {
			err = fmt.Errorf("answered %d bytes", n)
		}
		if err == nil {
			_, err = l.in.Discard(2) // the end of what may follow
		}
		return err
	}
	if length < size {
		rest, _ := io.ReadAll(io.LimitReader(l.in, int64(length)))
		return fmt.Errorf("answered %q", rest)
	}
	_, err := l.in.Discard(length)
	return err
}

// A measured relay is this program, or what it is measured beside.
type measured struct {
	name string
	pid  int
	open func() *caller
}

// A cost is what calls through a relay cost.
type cost struct {
	one, big time.Duration // median of a call of 200 B at one client, and of 1 MB
	rate     float64       // calls a second at 8 clients
	cpu      time.Duration // of the relay, for one of these calls
}

// TestRelay measures calls through the program to a stdio server, and through two other
// relays in turns with it; see docs/performance.md.
func TestRelay(t *testing.T) {
	dir := t.TempDir()
	server, other := filepath.Join(dir, "lineserver"), filepath.Join(dir, "otherrelay")
	for path, from := range map[string]string{server: "./testdata/lineserver", other: "./testdata/otherrelay"} {
		if out, err := exec.Command("go", "build", "-o", path, from).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	home := t.TempDir()
	writeConfig(t, home, fmt.Sprintf(`"line": {"command": %q}`, server), `"quarantine": false,`)
	p := run(t, home, nil, "serve")
	p.waitState("line", "connected")
	plainHome := t.TempDir()
	writeConfig(t, plainHome, fmt.Sprintf(`"line": {"command": %q}`, server), `"quarantine": false, "history": {"enabled": false},`)
	plain := run(t, plainHome, nil, "serve")
	plain.waitState("line", "connected")
	relays := []measured{
		{"this program", p.app, func() *caller { return newCaller(t, p, "line", false) }},
		{"this program, without its history", plain.app, func() *caller { return newCaller(t, plain, "line", false) }},
		startMeasured(t, "net/http, nothing else", other, "least", server),
		startMeasured(t, "SDK's types on both sides", other, "typed", server),
	}
	const rounds = 3
	costs := make([][]cost, len(relays))
	for range rounds {
		for i, r := range relays {
			costs[i] = append(costs[i], measure(t, r, *relayTime/rounds))
		}
	}
	for i, r := range relays {
		asked := [4]string{"–", "–", "–", "–"}
		if i == 0 {
			asked = [4]string{"≤ 0.12 ms", "≥ 10,000/s", "≤ 0.09 ms", "≤ 10 ms"}
		}
		report(t, "relayed call, 200 B, one client, median: "+r.name, asked[0], fmt.Sprintf("%.3f ms", middle(costs[i], func(c cost) float64 { return c.one.Seconds() * 1000 })))
		report(t, "relayed calls, 200 B, 8 clients: "+r.name, asked[1], fmt.Sprintf("%.0f/s", middle(costs[i], func(c cost) float64 { return c.rate })))
		report(t, "CPU of the relay for each: "+r.name, asked[2], fmt.Sprintf("%.3f ms", middle(costs[i], func(c cost) float64 { return c.cpu.Seconds() * 1000 })))
		report(t, "relayed call, 1 MB, median: "+r.name, asked[3], fmt.Sprintf("%.1f ms", middle(costs[i], func(c cost) float64 { return c.big.Seconds() * 1000 })))
	}
	direct := directCalls(t, server)
	report(t, "a call to the server itself, over its stdin", "–", fmt.Sprintf("%.3f ms", float64(percentile(direct, 0.5).Microseconds())/1000))
	page := lineTo(t, "/mcp/nothing", relays[0].open(), 1, `{}`)
	page.want = "HTTP/1.1 404"
	floor := callFor(t, *relayTime, page, 0)
	report(t, "an HTTP request that the program answers at once", "–", fmt.Sprintf("%.3f ms", float64(percentile(floor, 0.5).Microseconds())/1000))
	relayCrowdAtOnce(t, p, relays[0].open())
}

// startMeasured starts one of the relays that the program is measured beside.
func startMeasured(t *testing.T, name, path string, args ...string) measured {
	cmd := exec.Command(path, args...)
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
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return measured{name, cmd.Process.Pid, func() *caller {
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		c := &caller{url: "http://" + strings.TrimSpace(addr) + "/mcp", name: "line", http: &http.Client{Transport: tr}}
		if args[0] == "typed" {
			c.initialize(t)
		}
		return c
	}}
}

// measure calls through r for d for each of three numbers.
func measure(t *testing.T, r measured, d time.Duration) (c cost) {
	one := lineTo(t, "/mcp", r.open(), 1, `{"size":200}`)
	c.one = percentile(callFor(t, d, one, 200), 0.5)

	const clients = 8
	lines := make([]*line, clients)
	for i := range lines {
		lines[i] = lineTo(t, "/mcp", r.open(), 1, `{"size":200}`)
	}
	before, began := usage(t, r.pid), time.Now()
	var wg sync.WaitGroup
	var n atomic.Int64
	for _, l := range lines {
		wg.Go(func() { n.Add(int64(len(callFor(t, d, l, 200)))) })
	}
	wg.Wait()
	c.rate = float64(n.Load()) / time.Since(began).Seconds()
	c.cpu = (usage(t, r.pid).cpu - before.cpu) / time.Duration(n.Load())

	big := lineTo(t, "/mcp", r.open(), 1, `{"size":1000000}`)
	c.big = percentile(callFor(t, d, big, 1_000_000), 0.5)
	return c
}

// middle is the median of one number of several rounds.
func middle(costs []cost, number func(cost) float64) float64 {
	all := make([]float64, len(costs))
	for i, c := range costs {
		all[i] = number(c)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// relayCrowdAtOnce makes many calls of one session that wait for their answers together.
func relayCrowdAtOnce(t *testing.T, p *program, c *caller) {
	lines := make([]*line, *relayCrowd)
	arguments := fmt.Sprintf(`{"size":200,"wait":%d}`, 500+len(lines)/2) // until the last has asked
	for i := range lines {
		lines[i] = lineTo(t, "/mcp", c, i+1, arguments)
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
