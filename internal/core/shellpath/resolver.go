package shellpath

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Processes starts and ends the shell so that nothing of it is left behind,
// whatever its start-up files do. Its methods may be called concurrently.
type Processes interface {
	// Start starts cmd. The caller waits for it.
	Start(cmd *exec.Cmd) error

	// Stop ends a process and all that descends from it, even if it has ended
	// itself: it asks, gives them polite to end, and kills the rest.
	Stop(p *os.Process, polite time.Duration) error
}

// Options are what a Resolver needs.
type Options struct {
	Processes Processes     // not needed on Windows
	Environ   []string      // of this program; nil means os.Environ()
	Limit     time.Duration // for the shell; 0 means 3 s
	Logger    *slog.Logger  // nil discards
}

// A Resolver knows the PATH once it was asked for.
type Resolver struct {
	o     Options
	log   *slog.Logger
	own   string
	turn  chan struct{} // holds one token; whoever has it may run the shell
	known atomic.Pointer[finding]
}

// A finding is what was found out, and for how long it holds.
type finding struct {
	path     string
	failures int       // in a row; 0: it was found
	until    time.Time // when to look again in any case; zero: never
	files    []stamp   // of Files, when it was found
}

// New returns a Resolver that has not looked yet.
func New(o Options) *Resolver {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	o.Limit = cmp.Or(o.Limit, 3*time.Second)
	r := &Resolver{o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)).With("component", "shellpath"), turn: make(chan struct{}, 1)}
	r.own, _ = r.variable("PATH")
	return r
}

// Path returns the PATH: the login shell's in its order, then what ours has
// beyond it, without duplicates and relative entries. A program that was started
// from a shell has that shell's PATH, which is returned as it is. So it is where
// the shell cannot be asked. The answer is kept until one of Files changes; a
// shell that gave none is asked again after a minute, then after twice as long
// each time, at most half an hour. Path blocks until there is an answer, at most
// for the limit of the Options; when ctx is done it returns our own.
func (r *Resolver) Path(ctx context.Context) string {
	if f := r.known.Load(); r.holds(f) {
		return f.path
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return r.own
	}
	was := r.known.Load()
	if r.holds(was) {
		return was.path
	}
	f := r.resolve(ctx, was)
	if ctx.Err() != nil {
		return r.own // whoever asks next looks again
	}
	r.known.Store(&f)
	return f.path
}

// Ask asks the login shell as Path does, but keeps nothing and says why there is no
// answer: one of this package's errors, or that the shell could not be started. The
// path is usable all the same.
func (r *Resolver) Ask(ctx context.Context) (path string, err error) {
	if r.fromShell() {
		return r.own, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Limit)
	defer cancel()
	theirs, err := r.ask(ctx)
	if err != nil {
		return cmp.Or(r.own, usual), err
	}
	return merge(theirs, r.own), nil
}

// holds reports whether a finding, which may be nil, is still true.
func (r *Resolver) holds(f *finding) bool {
	return f != nil && (f.until.IsZero() || time.Now().Before(f.until)) && slices.Equal(f.files, stamps(r.Files()))
}

// The first and the longest time until a shell that gave no answer is asked again.
const (
	askAgain      = time.Minute
	askAgainLimit = 30 * time.Minute
)

// resolve finds the PATH out. Where that fails, what was found before is still the best guess.
func (r *Resolver) resolve(ctx context.Context, was *finding) finding {
	if r.fromShell() {
		return finding{path: r.own}
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.o.Limit)
	defer cancel()
	before := stamps(r.Files())
	theirs, err := r.ask(ctx)
	f := finding{files: stamps(r.Files())} // after the shell, which may have written some
	if err != nil {
		f.path, f.failures = cmp.Or(r.own, usual), 1
		if was != nil {
			f.path, f.failures = was.path, was.failures+1
		}
		f.until = time.Now().Add(min(askAgain<<min(f.failures-1, 10), askAgainLimit))
		if !errors.Is(err, context.Canceled) {
			r.log.Warn("the login shell's PATH is not known", "dur", time.Since(start), "err", err, "again", f.until)
		}
		return f
	}
	f.path = merge(theirs, r.own)
	switch {
	case keep > 0:
		f.until = time.Now().Add(keep)
	case !slices.Equal(before, f.files): // maybe after the shell has read it
		f.until = time.Now().Add(askAgain)
	}
	if was == nil || was.path != f.path {
		r.log.Info("login shell's PATH found", "dur", time.Since(start), "path", f.path)
	}
	return f
}

// A stamp tells versions of a file apart. Of one that is not there it is the zero value.
type stamp struct {
	size    int64
	changed int64 // in nanoseconds since 1970
}

func stamps(files []string) []stamp {
	var all []stamp
	for _, f := range files {
		var s stamp
		if info, err := os.Stat(f); err == nil {
			s = stamp{info.Size(), info.ModTime().UnixNano()}
		}
		all = append(all, s)
	}
	return all
}

// fromShell reports whether the program was started from a shell, which counts
// its levels. A session that was itself started through a shell has 0 at most: it
// was replaced, which takes its level back.
func (r *Resolver) fromShell() bool {
	value, _ := r.variable("SHLVL")
	level, err := strconv.Atoi(value)
	return err == nil && level > 0
}

// variable returns the value of a variable of the environment.
func (r *Resolver) variable(name string) (string, bool) {
	for _, kv := range slices.Backward(r.o.Environ) { // the last one counts
		if n, value, ok := strings.Cut(kv, "="); ok && sameVariable(n, name) {
			return value, true
		}
	}
	return "", false
}

// merge appends what is new in the second list to the first. Relative entries
// and duplicates are dropped.
func merge(first, second string) string {
	var dirs []string
	for _, dir := range append(filepath.SplitList(first), filepath.SplitList(second)...) {
		if !filepath.IsAbs(dir) {
			continue
		}
		dir = filepath.Clean(dir)
		if !slices.ContainsFunc(dirs, func(d string) bool { return sameDir(d, dir) }) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}
