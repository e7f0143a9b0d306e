package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// groups are those of rtnetlink(7) that are told of interfaces, addresses and routes.
const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE

// calm is waited for after each look, so that a flood of messages, as a router's
// table makes, costs five looks a second at most.
const calm = 200 * time.Millisecond

// watchNetwork tells the state of the network, woken by the kernel's messages. A
// sandbox without netlink has nothing told.
func watchNetwork(ctx context.Context, log *slog.Logger, out chan<- Kind) {
	var wg sync.WaitGroup
	defer wg.Wait()
	changed := make(chan struct{}, 1)
	wg.Go(func() {
		retry(ctx, log, "netlink", func() error { return followRoutes(ctx, changed) })
	})
	n := &network{read: readWays, tell: func(ctx context.Context, k Kind) bool { return send(ctx, out, k) }}
	n.run(ctx, changed)
}

// followRoutes signals changed once it listens, after each message, and when it
// ends because the socket broke.
func followRoutes(ctx context.Context, changed chan<- struct{}) error {
	signal := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	s, err := openRoutes()
	if err != nil {
		return err
	}
	defer signal()
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	for {
		signal()
		select {
		case <-time.After(calm):
		case <-ctx.Done():
			return nil
		}
		if err := drain(s); err != nil {
			return fmt.Errorf("read from netlink: %w", err)
		}
	}
}

// openRoutes opens a socket that is told of every change.
func openRoutes() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind netlink: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "netlink"), nil // non-blocking: the runtime waits for it without a thread
}

// drain waits for a message and then throws away all there are: what they say is
// read anew. Lost ones (ENOBUFS) are as good.
func drain(s *os.File) error {
	rc, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	buf := make([]byte, 64)
	err = rc.Read(func(fd uintptr) bool {
		for got := false; ; got = true {
			_, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_TRUNC)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return got
			case err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR):
				failed = err
				return true
			}
		}
	})
	return errors.Join(err, failed)
}
