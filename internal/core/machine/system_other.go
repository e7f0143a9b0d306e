//go:build !linux

package machine

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// watchSystem has nobody to listen to.
func watchSystem(context.Context, *slog.Logger, chan<- bool) {}

// watchNetwork looks at the interfaces every 30 s, which takes about a
// millisecond, and every 5 s while there is no network: then nothing else is to be
// done, and everything waits for it. What kind an interface is cannot be seen here,
// so NetworkLost is not told while one of a virtual machine or a VPN keeps its
// address; servers then find out one by one.
func watchNetwork(ctx context.Context, _ *slog.Logger, out chan<- Kind) {
	n := &network{
		read: readWays,
		poll: func(gone bool) time.Duration {
			if gone {
				return 5 * time.Second
			}
			return 30 * time.Second
		},
		tell: func(ctx context.Context, k Kind) bool { return send(ctx, out, k) },
	}
	n.run(ctx, nil)
}

// readWays reads the ways out from the system's interfaces.
func readWays() ([]way, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var links []link
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		l := link{index: i.Index, up: i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0, loopback: i.Flags&net.FlagLoopback != 0}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				l.prefixes = append(l.prefixes, p)
			}
		}
		links = append(links, l)
	}
	return waysOut(links, func() []int { return nil }), nil
}
