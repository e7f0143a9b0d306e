//go:build !linux && !darwin

package httpapi

import "net"

// limitUnsent does nothing: Windows keeps 64 KB for a client that does not read.
func limitUnsent(net.Conn, int) {}
