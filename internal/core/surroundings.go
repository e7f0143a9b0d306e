package core

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"mcpproxy-tray/internal/core/machine"
)

// watchMachine tells the supervisor what happens to the machine, until ctx is done.
func (c *Core) watchMachine(ctx context.Context) error {
	s := surroundings{log: c.log, servers: c.super, woke: c.wakeUp}
	return machine.Watch(ctx, machine.Options{Logger: c.o.Logger}, s.happened)
}

// surroundings belong to the one goroutine that tells of the machine.
type surroundings struct {
	log     *slog.Logger
	servers interface {
		Woke()
		Network(up bool)
		NetworkAdded()
	}
	woke    func() // told before servers; may be nil
	offline bool   // servers were told that the network is gone
}

func (s *surroundings) happened(e machine.Event) {
	tell := s.log.Info
	if e.Kind == machine.NetworkBack {
		tell = s.log.Debug // it is told at the start, too
	}
	tell("machine", "event", e.Kind, "asleep", e.Asleep)
	switch e.Kind {
	case machine.Woke:
		if s.woke != nil {
			s.woke()
		}
		s.servers.Woke()
	case machine.NetworkLost:
		if proxiedHere() {
			s.log.Info("a proxy on this machine leads out", "event", e.Kind)
			return
		}
		s.offline = true
		s.servers.Network(false)
	case machine.NetworkBack:
		if s.offline { // else it never was away for them
			s.offline = false
			s.servers.Network(true)
		}
	case machine.NetworkAdded:
		s.servers.NetworkAdded()
	}
}

// proxiedHere reports whether remote servers are reached through a proxy on this
// machine, as in a sandbox: then its own interfaces say nothing about them.
func proxiedHere() bool {
	for _, scheme := range []string{"https", "http"} {
		proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: "server.invalid"}})
		if err != nil || proxy == nil {
			continue
		}
		if ip := net.ParseIP(proxy.Hostname()); ip.IsLoopback() || proxy.Hostname() == "localhost" {
			return true
		}
	}
	return false
}
