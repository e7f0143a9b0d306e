package upstream

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestVanishedPeerIsFoundByTheKernel(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := newTransport().DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	get := func(option int) (v int) {
		if outer := raw.Control(func(fd uintptr) { v, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option) }); outer != nil || err != nil {
			t.Fatal(outer, err)
		}
		return v
	}
	idle, interval, count := get(unix.TCP_KEEPIDLE), get(unix.TCP_KEEPINTVL), get(unix.TCP_KEEPCNT)
	if idle != 15 || interval != 9 || count != 3 {
		t.Errorf("keep-alive after %d s, every %d s, %d times", idle, interval, count)
	}
	if got := time.Duration(get(unix.TCP_USER_TIMEOUT)) * time.Millisecond; got != 42*time.Second {
		t.Errorf("unacknowledged data may wait %v", got)
	}
}
