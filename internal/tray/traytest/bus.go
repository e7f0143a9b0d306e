package traytest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Patience is how long everything here waits for a condition before the test fails.
const Patience = 10 * time.Second

// An own configuration: no service files, so the daemon starts nothing on demand.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// The shell ends the daemon when its standard input closes, so that a test
// binary that is killed leaves no daemon behind.
const keeper = `dbus-daemon --config-file="$1" --nofork --nopidfile --print-address=3 </dev/null & d=$!
echo "$d" >&3
exec 3>&-
read -r _
kill "$d"
wait "$d"`

// A PrivateBus is a D-Bus daemon of one test.
type PrivateBus struct {
	Address string // for DBUS_SESSION_BUS_ADDRESS and dbus.Connect; the same after a restart

	dir  string
	mu   sync.Mutex // guards stop and pid
	stop func()
	pid  int // of the daemon
}

// Bus starts a private session bus that ends with the test. The test fails,
// saying what to install, if there is no dbus-daemon.
func Bus(t testing.TB) *PrivateBus {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Fatal("dbus-daemon is not installed; this test needs it: apt-get install dbus-daemon (or dbus)")
	}
	// Not t.TempDir: a socket's path may have 107 bytes at most, and test names are long.
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	b := &PrivateBus{dir: dir}
	t.Cleanup(func() {
		b.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	b.Start(t)
	return b
}

// Env returns the setting that makes a child process use this bus.
func (b *PrivateBus) Env() string { return "DBUS_SESSION_BUS_ADDRESS=" + b.Address }

// Start starts the daemon again after Stop, at the same address.
func (b *PrivateBus) Start(t testing.TB) {
	t.Helper()
	socket, conf := filepath.Join(b.dir, "socket"), filepath.Join(b.dir, "bus.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, busConfig, socket), 0o600); err != nil {
		t.Fatal(err)
	}
	ready, child, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	cmd := exec.Command("sh", "-c", keeper, "dbus", conf)
	cmd.ExtraFiles = []*os.File{child}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child.Close()
	stop := sync.OnceFunc(func() {
		stdin.Close()
		_ = cmd.Wait() // the shell reports that its child was killed, as it should be
		os.Remove(socket)
	})
	var line string // the daemon writes its address, the shell its process id; either may be first
	var pid int
	for in := bufio.NewScanner(ready); (line == "" || pid == 0) && in.Scan(); {
		if n, err := strconv.Atoi(in.Text()); err == nil {
			pid = n
		} else {
			line = in.Text()
		}
	}
	if line == "" || pid == 0 {
		stop()
		t.Fatalf("dbus-daemon did not start:\n%s", stderr.String())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Address, _, _ = strings.Cut(strings.TrimSpace(line), ",guid=")
	b.stop, b.pid = stop, pid
}

// Stop ends the daemon; every connection to it breaks.
func (b *PrivateBus) Stop() {
	b.mu.Lock()
	stop := b.stop
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Connect opens a private connection that closes with the test.
func (b *PrivateBus) Connect(t testing.TB) *dbus.Conn {
	t.Helper()
	return connect(t, b.Address)
}

func connect(t testing.TB, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatalf("connect to the bus at %s: %v", address, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// own takes a well-known name or fails the test.
func own(t testing.TB, conn *dbus.Conn, name string) {
	t.Helper()
	reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("take the bus name %s: reply %d, %v", name, reply, err)
	}
}

// WaitFor polls until cond holds and fails the test if it does not within Patience.
func WaitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", Patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A gate is where a hanging service waits; the zero value is open.
type gate struct {
	mu   sync.Mutex    // guards shut
	shut chan struct{} // nil when open; closed on opening
}

func (g *gate) set(hang bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case hang && g.shut == nil:
		g.shut = make(chan struct{})
	case !hang && g.shut != nil:
		close(g.shut)
		g.shut = nil
	}
}

func (g *gate) wait() {
	g.mu.Lock()
	c := g.shut
	g.mu.Unlock()
	if c != nil {
		<-c
	}
}
