package core

import (
	"net/http"
	"time"

	"mcpproxy-tray/internal/core/proxy"
)

// Relay returns what the endpoint sends its requests to.
func (c *Core) Relay() proxy.Upstreams { return relay{c} }

// Ends returns when a server is switched off again.
func (c *Core) Ends(name string) time.Time { return c.switches.Load().Until[name] }

// API returns what answers the requests, also before Run.
func (c *Core) API() http.Handler { return c.api }
