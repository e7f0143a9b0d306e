package core

import (
	"context"

	"mcpproxy-tray/internal/core/machine"
)

// watchMachine tells the supervisor what happens to the machine, until ctx is done.
func (c *Core) watchMachine(ctx context.Context) error {
	return machine.Watch(ctx, machine.Options{Logger: c.o.Logger}, c.happened)
}

func (c *Core) happened(e machine.Event) {
	c.log.Info("machine", "event", e.Kind, "asleep", e.Asleep)
	switch e.Kind {
	case machine.Woke:
		if c.o.Woke != nil {
			c.o.Woke()
		}
		c.super.Woke()
	case machine.NetworkLost:
		c.super.Network(false)
	case machine.NetworkBack:
		c.super.Network(true)
	}
}
