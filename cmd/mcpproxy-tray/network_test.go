//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/tray/traytest"
)

const namespaceEnv = "MCPPROXY_TRAY_TEST_NAMESPACE"

// inOwnNetwork runs the test that calls it once more, alone in a network of its own,
// and reports whether this is that run. There the machine has one interface, "card".
// It needs no root; a system that does not allow it fails the test.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceEnv) == t.Name() {
		ip(t, `link set lo up
link add card type veth peer name plug
addr add 10.99.0.1/24 dev card
link set card up`)
		return true
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("ip is not installed; this test needs it: apt-get install iproute2")
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+regexp.QuoteMeta(t.Name())+"$")
	cmd.Env = append(os.Environ(), namespaceEnv+"="+t.Name(), "NO_PROXY=*")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGTERM,
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("start in a network namespace: %v\nThe test needs unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns).", err)
	}
	t.Logf("in the namespace:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("the test failed in the namespace: %v", err)
	}
	return false
}

// ip runs commands of ip(8), one a line.
func ip(t *testing.T, commands string) {
	t.Helper()
	for line := range strings.Lines(commands) {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.TrimSpace(line), err, out)
		}
	}
}

// A host serves MCP over HTTP at one address and counts what reaches it.
type host struct {
	url  string
	http *http.Server

	mu       sync.Mutex // guards what follows
	accepted int
	open     map[net.Conn]bool
}

// startHost serves at an address of this machine; the server ends with the test.
func startHost(t *testing.T, addr string) *host {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return serveHost(t, l)
}

// startFarHost serves on another machine, at the other end of the card: a second
// network, in which nothing of this process is but the server's sockets.
func startFarHost(t *testing.T) *host {
	t.Helper()
	type result struct {
		l   net.Listener
		err error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if syscall.Gettid() == os.Getpid() {
			// The network of this thread is called the process's: take another, which
			// it is while this goroutine keeps this one.
			other := make(chan struct{})
			go func() {
				defer close(other)
				runtime.LockOSThread()
				l, err := listenFar()
				made <- result{l, err}
			}()
			<-other
			runtime.UnlockOSThread()
			return
		}
		l, err := listenFar()
		made <- result{l, err}
	}()
	r := <-made
	if r.err != nil {
		t.Fatal(r.err)
	}
	return serveHost(t, r.l)
}

// listenFar moves its thread to a new network and the plug with it. A socket stays
// in the network in which it was made.
func listenFar() (net.Listener, error) {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("unshare: %w", err)
	}
	here := "/proc/" + strconv.Itoa(os.Getpid()) + "/task/" + strconv.Itoa(syscall.Gettid()) + "/ns/net"
	move := exec.Command("nsenter", "--net=/proc/"+strconv.Itoa(os.Getpid())+"/ns/net", "ip", "link", "set", "plug", "netns", here)
	for _, cmd := range []*exec.Cmd{
		move,
		exec.Command("ip", "link", "set", "lo", "up"),
		exec.Command("ip", "addr", "add", "10.99.0.2/24", "dev", "plug"),
		exec.Command("ip", "link", "set", "plug", "up"),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
	}
	return net.Listen("tcp", "10.99.0.2:0")
}

func serveHost(t *testing.T, l net.Listener) *host {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "remote", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "hello"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{}, nil, nil
	})
	h := &host{url: "http://" + l.Addr().String() + "/mcp", open: map[net.Conn]bool{}}
	h.http = &http.Server{
		Handler:   mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil),
		ConnState: h.connState,
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = h.http.Serve(l) })
	t.Cleanup(func() {
		_ = h.http.Close()
		wg.Wait()
	})
	return h
}

func (h *host) connState(c net.Conn, s http.ConnState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch s {
	case http.StateNew:
		h.accepted++
		h.open[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(h.open, c)
	}
}

// connections returns how many were made so far.
func (h *host) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.accepted
}

// cut breaks all connections.
func (h *host) cut() {
	h.mu.Lock()
	conns := slices.Collect(maps.Keys(h.open))
	h.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // the server tells its end to connState
	}
}

// entries are servers of a configuration, named by prefix and number.
func entries(prefix string, n int, entry string) (names []string, text string) {
	var all []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s%d", prefix, i+1))
		all = append(all, fmt.Sprintf("%q: %s", names[i], entry))
	}
	return names, strings.Join(all, ",")
}

// servers returns all servers by name.
func (p *program) servers(names ...string) []serverDoc {
	p.t.Helper()
	var all []serverDoc
	for _, name := range names {
		s, _ := p.server(name) // one that is not there is in no state
		all = append(all, s)
	}
	return all
}

// waitAll waits until each of the servers is as it should be.
func (p *program) waitAll(what string, names []string, ok func(serverDoc) bool) []serverDoc {
	p.t.Helper()
	var all []serverDoc
	p.wait(what, func() bool {
		all = p.servers(names...)
		return !slices.ContainsFunc(all, func(s serverDoc) bool { return !ok(s) })
	})
	return all
}

func isConnected(s serverDoc) bool { return s.State == "connected" }

// summaries are the titles of notifications.
func summaries(notes []traytest.Notification) (titles []string) {
	for _, n := range notes {
		titles = append(titles, n.Summary)
	}
	return titles
}

// TestNetworkGoneAndBack takes the only network away and gives it back. All remote
// servers share one state and one notification; what runs on this machine goes on.
func TestNetworkGoneAndBack(t *testing.T) {
	t.Parallel() // it mostly waits
	if !inOwnNetwork(t) {
		return
	}
	far, near := startFarHost(t), startHost(t, "127.0.0.1")
	remotes, text := entries("remote", 5, fmt.Sprintf(`{"url": %q}`, far.url))
	locals := []string{"demo", "near"}
	bus := traytest.Bus(t)
	daemon := bus.Daemon(t, "body")
	home := t.TempDir()
	writeConfig(t, home, fmt.Sprintf(`%s, "demo": %s, "near": {"url": %q}`, text, demoEntry, near.url),
		`"quarantine": false, "notifications": {"min_up": "0s", "startup_quiet": "0s", "group": "200ms"},`)
	p := run(t, home, []string{bus.Env(), "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + home + "/none"})
	p.waitAll("all servers to be connected", remotes, isConnected)
	before := p.waitAll("all servers to be connected", locals, isConnected)

	gone := time.Now()
	ip(t, "link set card down")
	p.waitAll("the remote servers to wait for the network", remotes, func(s serverDoc) bool {
		return s.State == "backoff" && s.Problem.Code == "MPT-NETWORK-GONE" && s.RetryAt.IsZero()
	})
	report(t, "network gone: all remote servers in one state", "–", ms(time.Since(gone)))
	p.wait("a notification", func() bool { return len(daemon.Notes()) > 0 })

	back := time.Now()
	ip(t, "link set card up")
	p.waitAll("the remote servers to be back", remotes, isConnected)
	took := time.Since(back)
	report(t, "network back: all remote servers connected", "≤ 5 s", ms(took))
	if took > 5*time.Second {
		t.Errorf("back after %v", took)
	}
	after := p.servers(locals...)
	for i := range after {
		if after[i].PID != before[i].PID || !after[i].Since.Equal(before[i].Since) || after[i].State != "connected" {
			t.Errorf("%s was touched: %+v, before %+v", after[i].Name, after[i], before[i])
		}
	}
	// One notification, in whose place it is told that they are back, as they come.
	p.wait("the notification to be replaced", func() bool {
		notes := daemon.Notes()
		last := notes[len(notes)-1]
		return strings.HasSuffix(last.Summary, "reconnected") && last.Body == ""
	})
	notes := daemon.Notes()
	if got := notes[0].Summary; got != "Network is gone: 5 remote servers wait for it" {
		t.Errorf("the user was told %q", got)
	}
	for _, n := range notes[1:] {
		if n.Replaces != notes[0].ID || !strings.HasSuffix(n.Summary, "reconnected") {
			t.Errorf("the user was told %q in place of %d, not %d", n.Summary, n.Replaces, notes[0].ID)
		}
	}
}
