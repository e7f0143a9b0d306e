//go:build unix && !darwin

package ui

import (
	"context"
	"fmt"
	"sync"

	"mcpproxy-tray/internal/tray/menu"
	"mcpproxy-tray/internal/tray/sni"
)

// Run shows the icon until ctx is done. Without a session bus it returns
// ErrNoTray at once; without a panel it waits for one, and for the bus if that
// goes away later.
func (t *Tray) Run(ctx context.Context) error {
	item := sni.New(sni.Options{ID: t.o.ID, Icon: t.o.Icon, Clicked: t.click, Logger: t.log,
		Status: func(bus, host bool, reason string) { t.setStatus(Status{Available: bus, Host: host, Reason: reason}) }})
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for next := menu.Blank(); ; {
			item.Draw(next, t.take(next))
			select {
			case <-t.wake:
			case <-ctx.Done():
				return
			}
		}
	})
	if err := item.Run(ctx); err != nil {
		return fmt.Errorf("%w: %s", ErrNoTray, t.Status().Reason)
	}
	return nil
}
