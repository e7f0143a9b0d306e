//go:build windows || (darwin && cgo)

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

// readyTime is how long the desktop may take to accept the icon: at login
// Explorer may be late, and then systray never calls back.
const readyTime = 15 * time.Second

// Run shows the icon until ctx is done. It must be called on the main goroutine,
// which macOS asks for, and once in a process.
func (t *Tray) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the tray library failed: %v", ErrNoTray, r)
			t.setStatus(Status{Reason: "the tray library failed"})
		}
	}()
	log.SetOutput(logWriter{t.log}) // systray writes to the standard logger
	d := newDrawer(t)
	defer d.end()
	wg.Go(func() {
		// What a library does to one icon must not end what the program supervises.
		defer func() {
			if r := recover(); r != nil {
				t.log.Error("the tray library panicked", "err", r, "stack", string(debug.Stack()))
				t.setStatus(Status{Reason: "the tray library failed"})
			}
		}()
		d.run(ctx)
	})
	stop := context.AfterFunc(ctx, systray.Quit)
	defer stop()
	systray.Run(d.ready, nil)
	return nil
}
