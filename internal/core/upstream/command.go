package upstream

import (
	"bufio"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"mcpproxy-tray/internal/core/config"
)

// selfCommand in a configuration means this very program, wherever it is installed.
const selfCommand = "mcpproxy-tray"

// environment returns what a server's process gets: ours without our own
// variables (but the instance tag, by which left-overs are found), and its own.
func environment(own map[string]string) []string {
	var env []string
	for _, kv := range os.Environ() {
		key, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "MCPPROXY_TRAY_") && key != "MCPPROXY_TRAY_INSTANCE" {
			continue
		}
		env = append(env, kv)
	}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		env = append(env, key+"="+own[key])
	}
	return env
}

// command prepares the process of an expanded entry, or says what is wrong with it.
func (c *Connector) command(srv config.Server, written string) (*exec.Cmd, error) {
	srv.Cwd = workingDir(srv.Cwd)
	if fi, err := os.Stat(srv.Cwd); err != nil || !fi.IsDir() {
		return nil, pCwd.with(srv.Cwd).because(err)
	}
	path, err := c.lookPath(srv, written)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, srv.Args...) // not CommandContext: the stop ladder is ours, over all that it starts
	cmd.Args[0] = srv.Command
	cmd.Dir = srv.Cwd
	cmd.Env = environment(srv.Env)
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

// lookPath finds the program: by the PATH the server itself will have, and
// relative paths from its working directory.
func (c *Connector) lookPath(srv config.Server, written string) (string, error) {
	if srv.Command == selfCommand && c.Self != "" {
		return c.Self, nil
	}
	if strings.ContainsRune(srv.Command, filepath.Separator) || strings.Contains(srv.Command, "/") {
		path := srv.Command
		if !filepath.IsAbs(path) {
			path, _ = filepath.Abs(filepath.Join(srv.Cwd, path))
		}
		found, err := exec.LookPath(path)
		return found, lookError(written, err, "")
	}
	search, ok := srv.Env["PATH"]
	if !ok {
		search = os.Getenv("PATH")
	}
	var denied error
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue // as the library does: never a program from the current directory
		}
		found, err := exec.LookPath(filepath.Join(dir, srv.Command))
		if err == nil {
			return found, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			denied = err
		}
	}
	if denied != nil {
		return "", lookError(written, denied, "")
	}
	return "", lookError(written, exec.ErrNotFound, "Looked in "+strings.Join(filepath.SplitList(search), ", ")+".")
}

func lookError(written string, err error, looked string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EISDIR):
		return pNotExecutable.with(written).because(err)
	default:
		return pNotFound.with(written).because(err).add(looked)
	}
}

// startError says why a program that was found did not start.
func startError(path, written string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return pNotExecutable.with(written).because(err)
	case errors.Is(err, fs.ErrNotExist):
		return pInterpreter.with(written, interpreter(path)).because(err)
	case badProgram(err):
		return pArch.with(written).because(err)
	default:
		return pStart.with(written, plain(err)).because(err)
	}
}

// interpreter returns what the script's first line names, or the loader that is
// missing when a program is no script.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 256).ReadString('\n')
	if name, ok := strings.CutPrefix(line, "#!"); ok && len(line) <= 256 {
		if words := strings.Fields(clean(name, 200)); len(words) > 0 {
			return words[0]
		}
	}
	return "the system's program loader (" + runtime.GOARCH + ")"
}

// plain returns the innermost words of an error, which name no call and no path.
func plain(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return clean(err.Error(), 200)
		}
		err = inner
	}
}
