package upstream

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// tcpMaxRetransmit is TCP_MAXRT of ws2ipdef.h, in seconds.
const tcpMaxRetransmit = 5

// limitUnacked ends a connection on which nothing was acknowledged for
// unackedTime. Keep-alive probes are sent only while nothing else is on its way.
func limitUnacked(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// A system that lacks the option finds out later.
		_ = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, tcpMaxRetransmit, int(unackedTime.Seconds()))
	})
}
