package upstream

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mcpproxy-tray/internal/core/config"
)

// selfCommand in a configuration means this very program, wherever it is installed.
const selfCommand = "mcpproxy-tray"

// command prepares the process of an expanded entry, or says what is wrong with it.
func (c *Connector) command(ctx context.Context, srv, written config.Server) (*exec.Cmd, error) {
	srv.Cwd = workingDir(srv.Cwd)
	if fi, err := os.Stat(srv.Cwd); err != nil || !fi.IsDir() {
		return nil, pCwd.with(cmp.Or(written.Cwd, srv.Cwd)).because(innermost(err))
	}
	search := c.searchPath(ctx, srv)
	program := c.lookUp(srv, search)
	if program.err != nil {
		return nil, program.problem(srv.Command, written.Command)
	}
	if err := c.checkEnv(program.path, srv, search, written.Command); err != nil {
		return nil, err
	}
	cmd := exec.Command(program.path, srv.Args...) // not CommandContext: the stop ladder is ours, over all that it starts
	cmd.Args[0] = srv.Command
	if isBatch(program.path) {
		if err := c.withoutShell(cmd, search, written.Command); err != nil {
			return nil, err
		}
	}
	cmd.Dir = srv.Cwd
	cmd.Env = environment(runtime.GOOS, os.Environ(), srv.Env, map[string]string{
		"PATH": childPath(search, srv.Command, program.path), "PWD": srv.Cwd,
	})
	cmd.SysProcAttr = processAttr()
	return cmd, nil
}

// workingDir returns where a server runs: as configured, relative to the home
// directory. It never depends on where this program was started, so that an
// approval of "./run.sh" means one file.
func workingDir(configured string) string {
	if filepath.IsAbs(configured) {
		return configured
	}
	home, err := os.UserHomeDir()
	if err == nil {
		var f *os.File
		if f, err = os.Open(home); err == nil {
			f.Close()
		}
	}
	if err != nil {
		home = string(filepath.Separator)
	}
	return filepath.Join(home, configured)
}

// path returns the PATH of servers that do not say otherwise.
func (c *Connector) path(ctx context.Context) string {
	path := os.Getenv("PATH")
	if c.Path != nil {
		path = c.Path(ctx)
	}
	path, _ = withoutBundles(path, bundles(os.Environ()))
	return path
}

// lookupEnv returns what ${env:NAME} stands for: anything that we have.
func (c *Connector) lookupEnv(ctx context.Context) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if sameVariable(runtime.GOOS, name, "PATH") {
			return c.path(ctx), true
		}
		return os.LookupEnv(name)
	}
}

// searchPath returns the PATH that a server will have, in which its command is
// searched too.
func (c *Connector) searchPath(ctx context.Context, srv config.Server) string {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(srv.Env))) { // the last one counts
		if sameVariable(runtime.GOOS, name, "PATH") {
			return srv.Env[name]
		}
	}
	if c.isSelf(srv) {
		return os.Getenv("PATH") // need not wait for anything
	}
	return c.path(ctx)
}

func (c *Connector) isSelf(srv config.Server) bool { return srv.Command == selfCommand && c.Self != "" }

// isPath reports whether a command is one, so that it is not searched.
func isPath(command string) bool {
	return strings.ContainsRune(command, filepath.Separator) || strings.Contains(command, "/")
}

// childPath puts the directory of a program that was named by its path first,
// unless it is there: what stands beside it is often needed by it, as node by npx.
func childPath(search, command, program string) string {
	dir := filepath.Dir(program)
	if !isPath(command) || strings.ContainsRune(dir, filepath.ListSeparator) || slices.Contains(filepath.SplitList(search), dir) {
		return search
	}
	return strings.TrimSuffix(dir+string(filepath.ListSeparator)+search, string(filepath.ListSeparator))
}

// A found is the outcome of looking for a command's program.
type found struct {
	path string   // of the program; if err is not nil, of what stands in its place, or empty
	err  error    // why there is none
	dirs []string // that were searched; nil if the command is a path
}

// lookUp finds the program: by the PATH the server itself will have, and
// relative paths from its working directory, which must be absolute.
func (c *Connector) lookUp(srv config.Server, search string) found {
	if c.isSelf(srv) {
		return found{path: c.Self}
	}
	if isPath(srv.Command) {
		path := srv.Command
		if !filepath.IsAbs(path) {
			path = filepath.Join(srv.Cwd, path)
		}
		program, err := exec.LookPath(path)
		if err != nil {
			program = path
		}
		return found{path: program, err: err}
	}
	denied := found{err: exec.ErrNotFound, dirs: []string{}}
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue // as the library does: never a program from the current directory
		}
		denied.dirs = append(denied.dirs, dir)
		path := filepath.Join(dir, srv.Command)
		program, err := exec.LookPath(path)
		if err == nil {
			return found{path: program, dirs: denied.dirs}
		}
		if errors.Is(err, fs.ErrPermission) && denied.path == "" {
			denied.path, denied.err = path, err
		}
	}
	return denied
}

// missing reports whether there is nothing of the command's name.
func (f found) missing() bool {
	return f.err != nil && !errors.Is(f.err, fs.ErrPermission) && !errors.Is(f.err, syscall.EISDIR)
}

func (f found) problem(command, written string) error {
	if errors.Is(f.err, syscall.EISDIR) {
		return pNotExecutable.with(written).because(f.err).add("It is a folder: name a program in it.")
	}
	if !f.missing() {
		return pNotExecutable.with(written).because(f.err)
	}
	return pNotFound.with(written).because(f.err).add(f.hint(command, written))
}

// hint says what may be meant and where the command was searched. What is shown
// of it is as it was written: a variable in it may be secret.
func (f found) hint(command, written string) string {
	hint := ""
	if name, rest, ok := strings.Cut(written, " "); ok && name != "" {
		hint = "It is taken for one name: put what follows " + clean(strconv.Quote(name), 100) + " into \"args\", if " + clean(strconv.Quote(rest), 100) + " are arguments. "
	}
	if rest, ok := strings.CutPrefix(written, "~/"); ok {
		return hint + "A \"~\" means nothing here: write ${env:HOME}/" + clean(rest, 100) + "."
	}
	if f.dirs == nil {
		return strings.TrimSpace(hint)
	}
	return hint + elsewhere(command) + lookedIn(f.dirs)
}

// checkEnv refuses a script whose first line has env search its interpreter, as
// that of npx does, if that is not there: env would say so on stderr at best.
func (c *Connector) checkEnv(program string, srv config.Server, search, written string) error {
	name := namedToEnv(shebang(program))
	if name == "" {
		return nil
	}
	f := c.lookUp(config.Server{Command: name, Cwd: srv.Cwd}, childPath(search, srv.Command, program))
	if f.err == nil {
		return nil
	}
	return pInterpreter.with(written, clean(name, 100)).because(f.err).add(f.hint(name, name))
}

// startError says why a program that was found did not start.
func startError(path, written string, err error) error {
	switch {
	case scarce(err):
		return pScarce.with(written, plain(err)).because(err)
	case errors.Is(err, fs.ErrPermission):
		return pNotExecutable.with(written).because(err)
	case errors.Is(err, fs.ErrNotExist):
		return pInterpreter.with(written, interpreter(path)).because(err).add(carriageReturn(path))
	case badProgram(err):
		return pArch.with(written).because(err).add(noFirstLine(path))
	default:
		return pStart.with(written, plain(err)).because(err)
	}
}

// interpreter returns what the script's first line names, or the loader that is
// missing when a program is no script.
func interpreter(path string) string {
	if words := shebang(path); len(words) > 0 {
		return clean(words[0], 200)
	}
	return "the system's program loader (" + runtime.GOARCH + ")"
}

// carriageReturn explains why an interpreter that is there is not found.
func carriageReturn(path string) string {
	if strings.HasSuffix(strings.TrimSuffix(firstLine(path), "\n"), "\r") {
		return "Its first line ends with a carriage return, which counts as part of the name: save the file with Unix line ends."
	}
	return ""
}

// noFirstLine explains why a text is not a program.
func noFirstLine(path string) string {
	line := firstLine(path)
	if line == "" || strings.HasPrefix(line, "#!") || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }) {
		return ""
	}
	return "It is a text without a first line such as #!/usr/bin/env python3: add one, or name its interpreter as the command."
}

// shebang returns the words of a script's first line after "#!", nil if there are none.
func shebang(path string) []string {
	if name, ok := strings.CutPrefix(firstLine(path), "#!"); ok {
		return strings.Fields(name)
	}
	return nil
}

// firstLine returns as much of a file's first line as the system reads, "" if it
// cannot be read.
func firstLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n')
	return string(line)
}

// plain returns the innermost words of an error, which name no call and no path.
func plain(err error) string { return clean(innermost(err).Error(), 200) }

// innermost returns the error at the end of a chain; nil if there is none.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
