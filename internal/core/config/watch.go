package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A pace says how fast a watch follows.
type pace struct {
	settle time.Duration // quiet after an event before the file is read
	atMost time.Duration // but read it after this, however busy it is
	doubt  time.Duration // a broken content must still be there after this
	poll   time.Duration // between looks where the system reports no changes
	open   func() (*fsnotify.Watcher, error)
}

func usualPace() pace {
	return pace{
		settle: 100 * time.Millisecond,
		atMost: 400 * time.Millisecond,
		doubt:  250 * time.Millisecond,
		poll:   5 * time.Second,
		open:   fsnotify.NewWatcher,
	}
}

// Watch yields what the file says now and then each new content within a
// second: a Config, or an *Error while the file is broken, missing or empty.
// After an error the last good Config stays in force; that is the caller's
// part. Contents that come and go between two looks are skipped, the last one
// never is. Broken content is yielded only when it is still there a moment
// later, because a save may be under way.
//
// The sequence ends when ctx is done. It runs in the caller's goroutine and
// sleeps while nothing changes. Where the system cannot report changes it looks
// every 5 s, and each Config says so in its Warnings.
func (f *File) Watch(ctx context.Context) iter.Seq2[*Config, error] {
	return f.watch(ctx, usualPace())
}

func (f *File) watch(ctx context.Context, p pace) iter.Seq2[*Config, error] {
	return func(yield func(*Config, error) bool) {
		w := &watcher{pace: p, file: f}
		defer w.stop()
		var reported, doubted string
		for {
			w.subscribe()
			id, cfg, err := w.look()
			switch {
			case id == reported:
				doubted = ""
				if !w.wait(ctx) {
					return
				}
			case err != nil && id+w.written() != doubted:
				doubted = id + w.written()
				if !pause(ctx, w.doubt) {
					return
				}
			default:
				reported, doubted = id, ""
				if !w.yield(yield, cfg, err) || ctx.Err() != nil {
					return
				}
			}
		}
	}
}

// A watcher is the state of one Watch.
type watcher struct {
	pace
	file    *File
	notify  *fsnotify.Watcher // nil while there is none to be had
	dirs    map[string]bool   // lower-cased paths of what is watched
	names   map[string]bool   // lower-cased paths whose events matter
	trouble string            // why it polls; empty if it need not

	sum [sha256.Size]byte // of the content that was parsed last; the zero value is that of none
	cfg *Config           // what it says
	err *Error            // or why it says nothing
}

// yield hands on a result; a nil *Error must not become an error.
func (w *watcher) yield(yield func(*Config, error) bool, cfg *Config, err *Error) bool {
	if err != nil {
		return yield(nil, err)
	}
	if w.trouble != "" {
		warned := *cfg // who has the Config without the warning keeps it so
		cfg = &warned
		cfg.Warnings = append(slices.Clip(cfg.Warnings), &Error{Path: w.file.path,
			Text: "Changes of the file are noticed after up to " + w.poll.String() + ": " + w.trouble + ".",
			Hint: "Nothing is wrong with the file."})
	}
	return yield(cfg, nil)
}

// look reads the file, and parses it unless it did so last time. The id tells
// different contents and errors apart.
func (w *watcher) look() (id string, _ *Config, _ *Error) {
	content, err := readFile(w.file.path)
	if err != nil {
		return err.Text + w.trouble, nil, err
	}
	if sum := sha256.Sum256(content); sum != w.sum {
		w.sum = sum
		w.cfg, w.err = parse(w.file.path, content)
	}
	return fmt.Sprintf("%x", w.sum) + w.trouble, w.cfg, w.err
}

// written tells two writes of the same content apart: half of one save often
// equals half of the next.
func (w *watcher) written() string {
	info, err := os.Stat(w.file.path)
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}

// wait blocks until something may have changed and is quiet again. It reports
// false when ctx is done.
func (w *watcher) wait(ctx context.Context) bool {
	var events <-chan fsnotify.Event
	var failures <-chan error
	if w.notify != nil {
		events, failures = w.notify.Events, w.notify.Errors
	}
	var poll, settled <-chan time.Time
	if w.trouble != "" {
		poll = time.After(w.poll)
	}
	var first time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-w.file.edited: // our own write is complete
			return true
		case <-poll:
			return true
		case <-settled:
			return true
		case ev := <-events:
			if !w.matters(ev) {
				continue
			}
		case <-failures: // an overflow: anything may have happened
		}
		if first.IsZero() {
			first = time.Now()
		}
		settled = time.After(max(0, min(w.settle, time.Until(first.Add(w.atMost)))))
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (w *watcher) matters(ev fsnotify.Event) bool {
	path := strings.ToLower(filepath.Clean(ev.Name))
	return ev.Op != 0 && (w.names[path] || w.dirs[path])
}

// subscribe watches what decides about the file's content now. Changes before
// it returns are seen by the read that follows.
func (w *watcher) subscribe() {
	w.trouble = ""
	for range 10 { // folders may come and go meanwhile
		dirs, names := watchPlan(w.file.path)
		w.dirs, w.names = lowered(dirs), lowered(names)
		changed, err := w.follow(dirs)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			w.stop()
			w.trouble = "the system cannot watch its folder"
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOSPC) {
				w.trouble = "the system's limit of watched files is reached"
			}
			return
		}
		if !changed {
			w.trouble = unreported(w.file.path, dirs)
			return
		}
	}
}

// unreported says why the system may not report changes of the file, or nothing.
func unreported(path string, dirs []string) string {
	switch {
	case slices.ContainsFunc(dirs, networkFS):
		return "it is on a network file system"
	case mountedAlone(path):
		return "it is mounted by itself, not with its folder"
	}
	return ""
}

// follow makes the watched folders equal to dirs, and reports whether they were not.
func (w *watcher) follow(dirs []string) (changed bool, err error) {
	if w.notify == nil {
		if w.notify, err = w.open(); err != nil {
			w.notify = nil
			return false, err
		}
	}
	have := w.notify.WatchList()
	for _, dir := range have {
		if !slices.Contains(dirs, dir) {
			_ = w.notify.Remove(dir) // gone already: what was wanted
			changed = true
		}
	}
	for _, dir := range dirs {
		if slices.Contains(have, dir) {
			continue
		}
		if err := w.notify.Add(dir); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

func (w *watcher) stop() {
	if w.notify != nil {
		_ = w.notify.Close() // nothing was written to it
		w.notify = nil
	}
}

func lowered(paths []string) map[string]bool {
	set := make(map[string]bool, len(paths))
	for _, p := range paths {
		set[strings.ToLower(p)] = true
	}
	return set
}
