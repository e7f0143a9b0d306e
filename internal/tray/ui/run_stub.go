//go:build darwin && !cgo

package ui

import (
	"context"
	"fmt"
)

// Run returns ErrNoTray: the tray of macOS needs cgo, and this binary was built without.
func (t *Tray) Run(context.Context) error {
	t.setStatus(Status{Reason: "this program was built without cgo, which a tray icon needs on macOS"})
	return fmt.Errorf("%w: %s", ErrNoTray, t.Status().Reason)
}
