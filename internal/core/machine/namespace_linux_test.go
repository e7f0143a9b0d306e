package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mcpproxy-tray/internal/tray/traytest"
)

const namespaceEnv = "MACHINE_TEST_NAMESPACE"

// inNamespace runs the test that calls it once more, alone in a network of its own
// where it may do anything, and reports whether this is that run. It needs no
// root; a system that does not allow it fails the test.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceEnv) == t.Name() {
		return true
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("ip is not installed; this test needs it: apt-get install iproute2")
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+regexp.QuoteMeta(t.Name())+"$")
	cmd.Env = append(os.Environ(), namespaceEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
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
	for line := range strings.Lines(strings.TrimSpace(commands)) {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.TrimSpace(line), err, out)
		}
	}
}

// A netWatch is a running watchNetwork with a record of what it told.
type netWatch struct {
	t *testing.T

	mu   sync.Mutex // guards what follows
	told []Kind
	last time.Time
}

func watchNet(t *testing.T) *netWatch {
	t.Helper()
	w := &netWatch{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = Watch(ctx, Options{}, func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told, w.last = append(w.told, e.Kind), e.At
		})
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return w
}

// after does something to the network and waits for exactly these events.
func (w *netWatch) after(commands string, want ...Kind) {
	w.t.Helper()
	start := time.Now()
	ip(w.t, commands)
	var got []Kind
	traytest.WaitFor(w.t, fmt.Sprintf("%v after %q", want, commands), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		got = slices.Clone(w.told)
		return len(got) >= len(want)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(got, want) {
		w.t.Errorf("told %v, want %v, after %q", got, want, commands)
	}
	w.t.Logf("%v %v after %q", got, w.last.Sub(start).Round(time.Millisecond), commands)
	w.told = nil
}

// openTunnel makes an interface as a VPN's program does. It is there until the file is closed.
func openTunnel(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRealNetwork: what a laptop goes through, in a network namespace.
func TestRealNetwork(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	ip(t, `link set lo up
link add card type veth peer name plug
link add docker type bridge
link add c1 type veth peer name c2
link set c1 master docker
link set c1 up
link set c2 up
link set docker up
addr add 172.17.0.1/16 dev docker
addr add 10.99.0.1/32 dev lo`)
	w := watchNet(t)
	w.after("link set card up", NetworkLost) // told at the start: containers and loopback are no network
	w.after(`link set plug up
addr add 169.254.1.2/16 dev card
addr del 169.254.1.2/16 dev card
addr add 192.168.7.2/24 dev card`, NetworkBack)
	w.after("link set plug down", NetworkLost) // pulled: the address stays, the carrier does not
	w.after("link set plug up", NetworkBack)
	w.after(`link set card down
link set card up`, NetworkAdded) // shorter than two seconds: a new network, never a lost one
	w.after(`addr add 10.8.0.2/24 dev docker
addr add fd00:7::2/64 dev card nodad`, NetworkAdded) // once, and not for the containers
	w.after(`link add c3 type veth peer name c4
addr add 10.0.3.1/28 dev docker
link set c3 master docker
link set c3 up
link set c4 up`) // one container more: the next step would show what is told of it
	vpn := openTunnel(t, "vpn")
	w.after(`addr add 10.9.0.2/24 dev vpn
link set vpn up`, NetworkAdded)
	if err := vpn.Close(); err != nil { // the interface goes with it
		t.Fatal(err)
	}
	w.after("addr flush dev card", NetworkLost)
	w.after("addr add fd00:7::3/64 dev card nodad", NetworkBack)
	w.after("link del card", NetworkLost)
	w.after("route add default via 172.17.0.2 dev docker", NetworkBack) // all that a container would have
	w.after("route del default", NetworkLost)
	w.after("route add default nexthop via 172.17.0.2 dev docker nexthop via 172.17.0.3 dev docker", NetworkBack)
}

// TestQuietNetworkIsNotRead: with nothing happening the socket gives nothing, and
// closing it ends the wait at once.
func TestQuietNetworkIsNotRead(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s, err := openRoutes()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- drain(s) }()
	select {
	case err := <-ended:
		t.Fatalf("a message came by itself (%v)", err)
	case <-time.After(300 * time.Millisecond): // nothing comes; that cannot be waited for otherwise
	}
	ip(t, "link set lo up")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	go func() { ended <- drain(s) }()
	start := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-ended // what ip's last messages ended, or closing
	if d := time.Since(start); d > time.Second {
		t.Errorf("closing took %v", d)
	}
}
