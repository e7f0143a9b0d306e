//go:build windows || darwin

package notify

import (
	"context"
	"errors"

	"github.com/gen2brain/beeep"
)

// errBusy says that the system has not taken the last notification yet.
var errBusy = errors.New("the last notification still hangs")

// A Desktop shows notifications by the system's own means, which know neither
// replacement nor a time limit. Use NewDesktop.
type Desktop struct {
	Invoked func(Invoked) // is never called: notes have no actions here

	slot chan struct{} // held while the system is busy
}

// NewDesktop returns a sender for this system. It shows no icon: Windows would
// look for the library's temporary file after that has been removed.
func NewDesktop([]byte) *Desktop {
	beeep.AppName = appName // the library knows no other way
	return &Desktop{slot: make(chan struct{}, 1)}
}

// Send shows a note. A call of the system that hangs is left behind, at most one.
func (d *Desktop) Send(ctx context.Context, n Note) error {
	if n.update {
		return nil // whether it is still there cannot be known
	}
	select {
	case d.slot <- struct{}{}:
	default:
		return errBusy
	}
	done := make(chan error, 1)
	go func() { // cannot be stopped, so nobody waits for it
		defer func() { <-d.slot }()
		done <- beeep.Notify(n.Title, n.Body, "")
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Withdraw does nothing: what was shown is out of reach.
func (d *Desktop) Withdraw(context.Context, string) error { return nil }

// Close does nothing.
func (d *Desktop) Close() error { return nil }
