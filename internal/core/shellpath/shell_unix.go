//go:build !windows

package shellpath

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	usual       = "/usr/local/bin:/usr/bin:/bin" // where nothing else is known
	outputLimit = 1 << 20
	drainTime   = 50 * time.Millisecond  // for what a shell that has ended left in its output
	politeTime  = 500 * time.Millisecond // for start-up files to clean up, such as pyenv's lock
	keep        = 0                      // an answer holds until a file changes
)

// Files returns the files and directories from which login shells make the PATH,
// whether they exist or not: the answer of Path may change when one of them does.
// It returns none where Path asks no shell.
func (r *Resolver) Files() []string {
	if r.fromShell() {
		return nil
	}
	files := []string{
		"/etc/profile", "/etc/profile.d", "/etc/environment", "/etc/paths", "/etc/paths.d", "/etc/bash.bashrc", "/etc/bashrc",
		"/etc/zshenv", "/etc/zprofile", "/etc/zshrc", "/etc/zsh/zshenv", "/etc/zsh/zprofile", "/etc/zsh/zshrc",
	}
	below := func(dir string, names ...string) {
		for _, name := range names {
			if filepath.IsAbs(dir) {
				files = append(files, filepath.Join(dir, name))
			}
		}
	}
	home, _ := r.variable("HOME")
	below(home, ".profile", ".bash_profile", ".bash_login", ".bashrc", ".login", ".cshrc", ".tcshrc", ".kshrc")
	zsh, _ := r.variable("ZDOTDIR")
	below(cmp.Or(zsh, home), ".zshenv", ".zprofile", ".zshrc", ".zlogin")
	config, _ := r.variable("XDG_CONFIG_HOME")
	below(cmp.Or(config, filepath.Join(home, ".config")), "fish/config.fish", "fish/conf.d", "fish/fish_variables",
		"nushell/env.nu", "nushell/config.nu", "environment.d")
	return files
}

func sameVariable(a, b string) bool { return a == b }

func sameDir(a, b string) bool { return a == b }

// ask runs the login shell and returns its PATH. Nothing of the shell is left
// when it returns.
func (r *Resolver) ask(ctx context.Context) (path string, err error) {
	out, theirs, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer out.Close()
	shell, mark := r.shell(), rand.Text()
	cmd := &exec.Cmd{
		Path: shell, Args: question(shell, mark), Env: r.environment(shell), Dir: "/", Stdout: theirs,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}, // no terminal that it could ask or stop at
	}
	if home, _ := r.variable("HOME"); isDir(home) {
		cmd.Dir = home
	}
	err = r.o.Processes.Start(cmd)
	theirs.Close()
	if err != nil {
		return "", err
	}
	exited := make(chan struct{})
	go func() { // ends with the process, which Stop ends
		defer close(exited)
		_ = cmd.Wait()                                     // how it ended does not matter
		_ = out.SetReadDeadline(time.Now().Add(drainTime)) // something of it may keep the pipe open
	}()
	undo := context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Unix(1, 0)) })
	path, err = read(out, mark)
	undo()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		switch {
		case errors.Is(ctx.Err(), context.Canceled): // nobody waits any more
			err = ctx.Err()
		case ctx.Err() != nil:
			err = ErrTooLate
		default:
			err = ErrNoAnswer
		}
	}
	if stuck := r.o.Processes.Stop(cmd.Process, politeTime); stuck != nil {
		return path, errors.Join(err, stuck)
	}
	<-exited
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", shell, err)
	}
	return path, nil
}

// read returns the answer as soon as it is there.
func read(out io.Reader, mark string) (string, error) {
	var text []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := out.Read(buf)
		text = append(text, buf[:n]...)
		if bytes.Contains(text[max(0, len(text)-n-len(mark)):], []byte(mark)) { // not before, however small the pieces
			if path, ok := answer(string(text), mark); ok {
				return path, nil
			}
		}
		if len(text) > outputLimit {
			return "", ErrTooMuch
		}
		if errors.Is(err, io.EOF) {
			return "", ErrNoAnswer
		}
		if err != nil {
			return "", err
		}
	}
}

// shell returns the user's shell: what the session says, what the system has on
// record, and what is always there.
func (r *Resolver) shell() string {
	if s, _ := r.variable("SHELL"); isProgram(s) {
		return s
	}
	table, _ := os.ReadFile("/etc/passwd") // elsewhere: the session says it
	if s := recorded(string(table), os.Getuid()); isProgram(s) {
		return s
	}
	return "/bin/sh"
}

// recorded returns the shell of a user in a table as of passwd(5):
// name:password:UID:GID:GECOS:directory:shell.
func recorded(table string, uid int) string {
	for line := range strings.Lines(table) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 7 && f[2] == strconv.Itoa(uid) {
			return f[6]
		}
	}
	return ""
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && strings.HasPrefix(path, "/") && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
