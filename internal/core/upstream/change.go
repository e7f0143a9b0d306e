package upstream

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/fsnotify/fsnotify"

	"mcpproxy-tray/internal/core/config"
)

// A pace says how fast AwaitChange follows. Zero fields have the defaults.
type pace struct {
	quiet  time.Duration // without an event before it looks, because installers write many files; 200 ms
	atMost time.Duration // but it looks after this, however busy it is; 2 s
	poll   time.Duration // between looks where nobody tells it of changes; 30 s
	open   func() (*fsnotify.Watcher, error)
}

func (p pace) withDefaults() pace {
	p.quiet, p.atMost, p.poll = cmp.Or(p.quiet, 200*time.Millisecond), cmp.Or(p.atMost, 2*time.Second), cmp.Or(p.poll, 30*time.Second)
	if p.open == nil {
		p.open = openWatcher
	}
	return p
}

// openWatcher opens a watch of the file system where that is cheap. On macOS it
// would keep each file of each watched directory open, which are thousands.
func openWatcher() (*fsnotify.Watcher, error) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		return nil, errors.ErrUnsupported
	}
	return fsnotify.NewWatcher()
}

// AwaitChange blocks until something has changed since the last attempt to
// start srv on which its failure why may depend, and returns nil; or the cause of ctx.
// For a command that was not found it must be there now, or on the PATH, which may
// be another one; for one that cannot run
// its file must be another or have another mode, size or time; for anything else,
// such as a crash loop, its file, its interpreter, its directory or a script
// among its arguments. Failures that no file can heal wait for ctx.
func (c *Connector) AwaitChange(ctx context.Context, srv config.Server, why error) error {
	w, ok := c.suspect(ctx, srv, why)
	if !ok {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	pace := c.pace.withDefaults()
	p := c.enterLookout(pace.open)
	defer c.leaveLookout(p)
	for settled := false; ; settled = true {
		w.refresh(ctx)
		sure := p.watch(w.paths()) && (runtime.GOOS != "windows" || !w.place) // where the registry has the PATH
		if w.changed() {
			if settled {
				return nil
			}
			p.notice() // it may still be changing: wait until that is over
		}
		if !p.await(ctx, pace, sure) {
			return context.Cause(ctx)
		}
	}
}

// await blocks until something was noticed and is quiet again, or it is time to
// look because not everything can be watched. It reports false when ctx is done.
func (p *post) await(ctx context.Context, pace pace, sure bool) bool {
	var poll, settled <-chan time.Time
	if !sure {
		poll = time.After(pace.poll)
	}
	var first time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-poll:
			return true
		case <-settled:
			return true
		case <-p.noticed:
			if first.IsZero() {
				first = time.Now()
			}
			settled = time.After(max(0, min(pace.quiet, time.Until(first.Add(pace.atMost)))))
		}
	}
}
