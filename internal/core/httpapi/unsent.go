//go:build linux || darwin

package httpapi

import (
	"net"
	"syscall"
)

// limitUnsent has the system keep no more than that many bytes for a client that
// does not read; by itself Linux keeps up to 4 MB. A smaller send buffer would
// do that, too, but stall clients that read, as it waits for acknowledgements,
// which are delayed.
func limitUnsent(conn net.Conn, bytes int) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return // not a socket
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return // closed; the next write says so
	}
	_ = raw.Control(func(fd uintptr) { // without it a client that does not read only costs more
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowAt, bytes)
	})
}
