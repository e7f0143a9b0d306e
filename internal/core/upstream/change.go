package upstream

import (
	"context"
	"time"

	"mcpproxy-tray/internal/core/config"
)

// slowPoll is how often AwaitChange looks where nobody tells it of changes.
const slowPoll = 30 * time.Second

// AwaitChange blocks until something has changed on which the failure why of
// srv may depend, such as the program's file, and returns nil; the cause of ctx
// otherwise.
func (c *Connector) AwaitChange(ctx context.Context, srv config.Server, why error) error {
	tick := time.NewTicker(slowPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if _, err := c.command(ctx, srv, srv.Command); err == nil && hasEntry(why, pNotFound, pCwd, pNotExecutable) {
			return nil
		}
	}
}
