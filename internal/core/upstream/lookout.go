package upstream

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// A lookout is the one watch of the file system for all servers that wait for a
// change: the system allows each user only few. The first post opens it and the
// last one closes it.
type lookout struct {
	notify *fsnotify.Watcher // nil if there is none to be had
	pumped sync.WaitGroup    // of the goroutine that hands on events

	// mu is held while the system is told what to watch, so that its list and
	// ours agree.
	mu    sync.Mutex
	posts map[string]map[*post]bool // by directory
	count int                       // guarded by Connector.lookoutMu
}

// A post is one server's part of a lookout. Only its owner calls its methods.
type post struct {
	lookout *lookout
	noticed chan struct{} // one slot: something happened

	names map[string]bool // paths that matter, in lower case; guarded by lookout.mu
}

// enterLookout opens the lookout if nobody has. The caller must leave it.
func (c *Connector) enterLookout(open func() (*fsnotify.Watcher, error)) *post {
	c.lookoutMu.Lock()
	defer c.lookoutMu.Unlock()
	if c.lookout == nil {
		l := &lookout{posts: map[string]map[*post]bool{}}
		if notify, err := open(); err == nil { // else everybody looks from time to time
			l.notify = notify
			l.pumped.Go(l.pump)
		}
		c.lookout = l
	}
	c.lookout.count++
	return &post{lookout: c.lookout, noticed: make(chan struct{}, 1)}
}

// leaveLookout releases a post's part, and everything after the last one.
func (c *Connector) leaveLookout(p *post) {
	l := p.lookout
	l.mu.Lock()
	l.follow(p, nil)
	l.mu.Unlock()
	c.lookoutMu.Lock()
	l.count--
	last := l.count == 0
	if last {
		c.lookout = nil
	}
	c.lookoutMu.Unlock()
	if last && l.notify != nil {
		_ = l.notify.Close() // nothing was written to it
		l.pumped.Wait()
	}
}

// watch makes the post notice changes at paths from now on, and no others. It
// reports false if changes may go unnoticed.
func (p *post) watch(paths []string) bool {
	l := p.lookout
	if l.notify == nil {
		return false
	}
	for range 10 { // directories may come and go meanwhile
		dirs, names := outlook(paths)
		l.mu.Lock()
		p.names = names
		err := l.follow(p, dirs)
		l.mu.Unlock()
		if !errors.Is(err, fs.ErrNotExist) {
			return err == nil && !slices.ContainsFunc(dirs, farAway)
		}
	}
	return false
}

// follow makes dirs the directories of a post. The caller holds mu.
func (l *lookout) follow(p *post, dirs []string) error {
	for dir, posts := range l.posts {
		if posts[p] && !slices.Contains(dirs, dir) {
			delete(posts, p)
			if len(posts) == 0 {
				delete(l.posts, dir)
				_ = l.notify.Remove(dir) // gone already: what was wanted
			}
		}
	}
	var errs []error
	for _, dir := range dirs {
		if l.posts[dir] == nil {
			if err := l.notify.Add(dir); err != nil {
				errs = append(errs, err)
				continue
			}
			l.posts[dir] = map[*post]bool{}
		}
		l.posts[dir][p] = true
	}
	return errors.Join(errs...)
}

// pump hands on events until the watch is closed.
func (l *lookout) pump() {
	for {
		select {
		case ev, ok := <-l.notify.Events:
			if !ok {
				return
			}
			l.happened(ev)
		case _, ok := <-l.notify.Errors: // an overflow: anything may have happened
			if !ok {
				return
			}
			l.lostSome()
		}
	}
}

// happened tells the posts to which an event matters.
func (l *lookout) happened(ev fsnotify.Event) {
	path := filepath.Clean(ev.Name)
	key := strings.ToLower(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.posts[filepath.Dir(path)] {
		if p.names[key] {
			p.notice()
		}
	}
	gone := ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename)
	for p := range l.posts[path] {
		if gone || p.names[key] {
			p.notice()
		}
	}
	if gone {
		delete(l.posts, path) // the system has stopped watching it
	}
}

// lostSome tells everybody to look: events were lost.
func (l *lookout) lostSome() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, posts := range l.posts {
		for p := range posts {
			p.notice()
		}
	}
}

func (p *post) notice() {
	select {
	case p.noticed <- struct{}{}:
	default:
	}
}

// outlook returns what to watch to learn of changes at paths: the directories
// that hold them and each link on the way, and the paths in these that matter, in
// lower case. Of a path that does not exist it is the last directory that does.
func outlook(paths []string) (dirs []string, names map[string]bool) {
	names = map[string]bool{}
	note := func(dir, path string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		key := strings.ToLower(path)
		names[key], names[strings.ToLower(dir)] = true, true
		if runtime.GOOS == "windows" && filepath.Ext(key) == "" { // a command is a file with one of these
			for _, ext := range filepath.SplitList(strings.ToLower(os.Getenv("PATHEXT"))) {
				names[key+ext] = true
			}
		}
	}
	for _, path := range paths {
		if filepath.IsAbs(path) {
			alongPath(path, note)
		}
	}
	return dirs, names
}

// alongPath calls note for each link on the way to path and for what is at its
// end, or for the first part that is missing.
func alongPath(path string, note func(dir, path string)) {
	volume := filepath.VolumeName(path)
	root := volume + string(filepath.Separator)
	dir, rest, links := root, parts(path[len(volume):]), 0
	for len(rest) > 0 {
		next := filepath.Join(dir, rest[0])
		if rest[0] == ".." { // in a link; dir has none, so this is its real parent
			dir, rest = filepath.Dir(dir), rest[1:]
			continue
		}
		rest = rest[1:]
		info, err := os.Lstat(next)
		switch {
		case err == nil && info.Mode()&fs.ModeSymlink != 0 && links < 40: // as many as Linux follows
			links++
			note(dir, next)
			target, _ := os.Readlink(next) // unreadable: as good as empty
			if filepath.IsAbs(target) {
				dir = root
			}
			rest = append(parts(target[len(filepath.VolumeName(target)):]), rest...)
		case err != nil, len(rest) == 0:
			note(dir, next)
			return
		default:
			dir = next
		}
	}
	note(dir, dir)
}

func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(p string) bool { return p == "" || p == "." })
}
