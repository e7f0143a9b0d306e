//go:build windows || (darwin && cgo)

package ui

import (
	"context"
	"time"
)

// readyTime is how long the desktop may take to accept the icon: at login
// Explorer may be late, and then systray never calls back.
const readyTime = 15 * time.Second

// A panel stands for a desktop that always has a tray.
type panel struct{}

func openPanel(context.Context) (panel, string) { return panel{}, "" }

func (panel) follow(ctx context.Context, t *Tray, built, _ chan struct{}) {
	select {
	case <-built:
		t.setStatus(Status{Available: true, Host: true})
	case <-ctx.Done():
	case <-time.After(readyTime):
		t.setStatus(Status{Available: true, Reason: "the desktop did not accept the icon"})
	}
}

func (d *drawer) prepare() {}
