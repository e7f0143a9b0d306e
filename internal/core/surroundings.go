package core

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"mcpproxy-tray/internal/core/machine"
)

// watchMachine tells the supervisor what happens to the machine, until ctx is done.
func (c *Core) watchMachine(ctx context.Context) error {
	return machine.Watch(ctx, machine.Options{Logger: c.o.Logger}, c.happened)
}

func (c *Core) happened(e machine.Event) {
	tell := c.log.Info
	if e.Kind == machine.NetworkBack {
		tell = c.log.Debug // it is told at the start, too
	}
	tell("machine", "event", e.Kind, "asleep", e.Asleep)
	switch e.Kind {
	case machine.Woke:
		if c.o.Woke != nil {
			c.o.Woke()
		}
		c.super.Woke()
	case machine.NetworkLost:
		if proxiedHere() {
			c.log.Info("a proxy on this machine leads out", "event", e.Kind)
			return
		}
		c.super.Network(false)
	case machine.NetworkBack:
		c.super.Network(true)
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
