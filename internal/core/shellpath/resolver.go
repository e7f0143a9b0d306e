package shellpath

import (
	"cmp"
	"context"
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
	o    Options
	log  *slog.Logger
	own  string
	turn chan struct{} // holds one token; whoever has it may run the shell
	path atomic.Pointer[string]
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
// the shell cannot be asked. The answer is kept. Path blocks until there is one,
// at most for the limit of the Options; when ctx is done it returns our own.
func (r *Resolver) Path(ctx context.Context) string {
	if p := r.path.Load(); p != nil {
		return *p
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return r.own
	}
	if p := r.path.Load(); p != nil {
		return *p
	}
	path := r.resolve(ctx)
	if ctx.Err() != nil {
		return r.own // whoever asks next looks again
	}
	r.path.Store(&path)
	return path
}

func (r *Resolver) resolve(ctx context.Context) string {
	if r.fromShell() {
		return r.own
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.o.Limit)
	defer cancel()
	theirs, err := r.ask(ctx)
	if err != nil {
		r.log.Warn("the login shell's PATH is not known", "dur", time.Since(start), "err", err)
		return cmp.Or(r.own, usual)
	}
	path := merge(theirs, r.own)
	r.log.Info("login shell's PATH found", "dur", time.Since(start), "path", path)
	return path
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
