package upstream

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"mcpproxy-tray/internal/core/config"
)

// A sight is what was seen at a path.
type sight struct {
	path string
	info fs.FileInfo // nil: nothing
}

func look(path string) sight {
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	return sight{path, info}
}

// same reports whether both are the same file with the same mode, size and time.
func (s sight) same(o sight) bool {
	if s.path != o.path || s.info == nil || o.info == nil {
		return s.path == o.path && s.info == nil && o.info == nil
	}
	return os.SameFile(s.info, o.info) && s.info.Mode() == o.info.Mode() && s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

// A trace is what a start depends on, as it was at one moment.
type trace struct {
	program  found
	searched []string // where the program and its interpreter were searched
	cwd      sight
	runs     []sight // the program and what interprets it
	scripts  []sight // among the arguments
}

// traceOf looks at everything that the start of an expanded entry depends on.
func (c *Connector) traceOf(srv config.Server, search string) trace {
	srv.Cwd = workingDir(srv.Cwd)
	t := trace{cwd: look(srv.Cwd)}
	t.program = t.search(c, srv, search)
	if t.program.path != "" {
		t.runs = append(t.runs, look(t.program.path))
		words := shebang(t.program.path)
		if len(words) > 0 && filepath.IsAbs(words[0]) {
			t.runs = append(t.runs, look(words[0]))
		}
		if name := namedToEnv(words); name != "" {
			t.runs = append(t.runs, look(t.search(c, config.Server{Command: name, Cwd: srv.Cwd}, childPath(search, srv.Command, t.program.path)).path))
		}
	}
	for _, arg := range srv.Args {
		if path := scriptIn(arg, srv.Cwd); path != "" {
			t.scripts = append(t.scripts, look(path))
		}
	}
	return t
}

func (t *trace) search(c *Connector, srv config.Server, search string) found {
	f := c.lookUp(srv, search)
	for _, dir := range f.dirs {
		t.searched = append(t.searched, filepath.Join(dir, srv.Command))
	}
	return f
}

// namedToEnv returns the program that a line such as "#!/usr/bin/env -S node"
// has searched, or "".
func namedToEnv(words []string) string {
	if len(words) < 2 || filepath.Base(words[0]) != "env" {
		return ""
	}
	words = words[1:]
	if words[0] == "-S" && len(words) > 1 {
		words = words[1:]
	}
	if strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=") {
		return "" // env is told more than to search
	}
	return words[0]
}

// Endings of files that are programs, and of those that hold settings.
var (
	scriptTypes   = set(".js .mjs .cjs .ts .mts .cts .py .pyz .rb .pl .php .lua .sh .bash .ps1 .jar .wasm .exe .dll")
	settingsTypes = set(".json .jsonc .yaml .yml .toml .ini .conf .env")
)

// scriptIn returns the path of a script or of settings that an argument names,
// also one that is missing, or "". Other files are data.
func scriptIn(arg, cwd string) string {
	if _, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "-") {
		arg = value // --config=x.json
	}
	if arg == "" || len(arg) > 4096 || strings.Contains(arg, "://") || strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, "\x00\n") {
		return ""
	}
	path := arg
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	if ext := strings.ToLower(filepath.Ext(path)); scriptTypes[ext] || settingsTypes[ext] {
		return path
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 || runtime.GOOS == "windows" {
		return ""
	}
	return path
}

// A suspicion is which part of a trace a failure is put down to.
type suspicion struct {
	connector *Connector
	srv       config.Server // expanded
	search    string
	before    trace

	place   bool // whether the program is found, and where
	runs    bool
	cwd     bool
	scripts bool
}

// suspect says what to look at after a failure. It reports false if no change of
// any file can matter.
func (c *Connector) suspect(ctx context.Context, srv config.Server, why error) (*suspicion, bool) {
	if srv.Err != nil || srv.URL != "" || srv.Command == "" {
		return nil, false
	}
	srv, err := srv.Expand(c.lookupEnv(ctx))
	if err != nil {
		return nil, false
	}
	s := &suspicion{connector: c, srv: srv, search: c.searchPath(ctx, srv)}
	switch {
	case hasEntry(why, pNotFound):
		s.place = true
	case hasEntry(why, pCwd):
		s.cwd = true
	case hasEntry(why, pNotExecutable, pInterpreter, pArch, pBatch, pStart):
		s.place, s.runs = true, true
	default:
		s.place, s.runs, s.cwd, s.scripts = true, true, true, true
	}
	s.before = c.traceOf(srv, s.search)
	if a, ok := c.tried.Load(srv.Name); ok && a.launch == launchOf(srv, s.search) {
		s.before = a.trace.but(s.before)
	}
	return s, true
}

// but returns what was there at the attempt, since when it may have changed
// already, except for settings: the server itself may write those whenever it
// starts, so that only what happens after its end is a person's change.
func (t trace) but(now trace) trace {
	if len(t.scripts) != len(now.scripts) {
		return t
	}
	t.scripts = slices.Clone(t.scripts)
	for i, s := range now.scripts {
		if settingsTypes[strings.ToLower(filepath.Ext(s.path))] {
			t.scripts[i] = s
		}
	}
	return t
}

// An attempt is what the latest start of a server depended on.
type attempt struct {
	launch string
	trace  trace
}

// launchOf tells entries apart that have a different trace.
func launchOf(srv config.Server, search string) string {
	return srv.CommandLine() + "\x00" + srv.Cwd + "\x00" + search
}

// remember keeps what a start that is about to happen depends on.
func (c *Connector) remember(srv config.Server, search string) {
	c.tried.Store(srv.Name, attempt{launchOf(srv, search), c.traceOf(srv, search)})
}

// refresh looks up the PATH again.
func (s *suspicion) refresh(ctx context.Context) { s.search = s.connector.searchPath(ctx, s.srv) }

// changed reports whether what is suspected is not as it was.
func (s *suspicion) changed() bool {
	now := s.connector.traceOf(s.srv, s.search)
	was := s.before
	switch {
	case s.place && (now.program.path != was.program.path || now.program.missing() != was.program.missing() || (now.program.err == nil) != (was.program.err == nil)):
		return true
	case s.runs && !slices.EqualFunc(now.runs, was.runs, sight.same):
		return true
	case s.scripts && !slices.EqualFunc(now.scripts, was.scripts, sight.same):
		return true
	case s.cwd: // its content changes all the time
		return (now.cwd.info == nil) != (was.cwd.info == nil) ||
			now.cwd.info != nil && (now.cwd.info.IsDir() != was.cwd.info.IsDir() || !os.SameFile(now.cwd.info, was.cwd.info))
	}
	return false
}

// paths returns the files whose coming, going and changing decides about that.
func (s *suspicion) paths() []string {
	now := s.connector.traceOf(s.srv, s.search)
	var paths []string
	if s.place {
		paths = append(paths, now.searched...)
		if s.connector.PathFiles != nil {
			paths = append(paths, s.connector.PathFiles()...)
		}
	}
	add := func(yes bool, sights ...sight) {
		for _, sight := range sights {
			if yes && sight.path != "" {
				paths = append(paths, sight.path)
			}
		}
	}
	add(s.place || s.runs, now.runs...)
	add(s.cwd, now.cwd)
	add(s.scripts, now.scripts...)
	return paths
}
