package core

import (
	"time"

	"mcpproxy-tray/internal/core/proxy"
)

// Relay returns what the endpoint sends its requests to.
func (c *Core) Relay() proxy.Upstreams { return relay{c} }

// Ends returns when a server is switched off again.
func (c *Core) Ends(name string) time.Time { return c.switches.Load().Until[name] }
