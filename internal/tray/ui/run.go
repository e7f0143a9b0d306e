//go:build cgo || !darwin

package ui

import (
	"context"
	"fmt"
	"log"
	"runtime/debug"
	"sync"
	"time"

	"fyne.io/systray"
)

// settleTime is how long systray gets to register by itself before our own
// connection looks whether it did.
const settleTime = time.Second

// Run shows the icon until ctx is done. Without a session bus it returns
// ErrNoTray at once; without a panel it waits for one. It must be called on the
// main goroutine, which macOS asks for, and once in a process.
func (t *Tray) Run(ctx context.Context) (err error) {
	p, reason := openPanel(ctx)
	if reason != "" {
		t.setStatus(Status{Reason: reason})
		return fmt.Errorf("%w: %s", ErrNoTray, reason)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer func() {
		// Library: if the bus vanished in between, Quit closes a nil connection (fixed after v1.12.2).
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the tray library failed: %v", ErrNoTray, r)
			t.setStatus(Status{Reason: "the session bus went away"})
		}
	}()
	log.SetOutput(logWriter{t.log}) // systray writes to the standard logger
	d := newDrawer(t)
	defer d.end()
	gone := make(chan struct{})
	wg.Go(func() { p.follow(ctx, t, d.built, gone) })
	wg.Go(func() {
		// What a library does to one icon must not end what the program supervises.
		defer func() {
			if r := recover(); r != nil {
				t.log.Error("the tray library panicked", "err", r, "stack", string(debug.Stack()))
				t.setStatus(Status{Reason: "the tray library failed"})
			}
		}()
		d.run(ctx, gone)
	})
	d.prepare()
	stop := context.AfterFunc(ctx, systray.Quit)
	defer stop()
	systray.Run(d.ready, nil)
	return nil
}
