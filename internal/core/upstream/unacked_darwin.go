package upstream

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacked ends a connection on which nothing was acknowledged for
// unackedTime. Keep-alive probes are sent only while nothing else is on its way.
func limitUnacked(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// A system that lacks the option finds out later.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_RXT_CONNDROPTIME, int(unackedTime.Seconds()))
	})
}
