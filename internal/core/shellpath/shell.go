package shellpath

import (
	"errors"
	"path/filepath"
	"strings"
)

// Why a shell gave no PATH.
var (
	ErrNoAnswer = errors.New("the shell ended without an answer")
	ErrTooMuch  = errors.New("the shell's start-up files print too much")
	ErrTooLate  = errors.New("the shell's start-up files take too long")
)

// question returns the arguments, with the name, by which a shell reads the files
// of a login and of a terminal and prints its PATH between two marks. The command
// is one that all kinds of shells understand; /bin/sh gets the PATH as a program
// does, separated by colons, however the shell itself keeps and prints it.
func question(shell, mark string) []string {
	command := `/bin/sh -c 'set -f;IFS=;printf ` + mark + `:%s:` + mark + ` $PATH'`
	switch filepath.Base(shell) {
	case "csh", "tcsh": // "-l" must stand by itself
		return []string{shell, "-i", "-c", "if ( -r ~/.login ) source ~/.login ; " + command}
	case "nu": // "-i" would wait for more
		return []string{shell, "-l", "-c", command}
	case "pwsh":
		return []string{shell, "-Login", "-NoLogo", "-Command", command}
	default:
		return []string{shell, "-l", "-i", "-c", command}
	}
}

// answer finds the value between two marks, whatever is around them. A shell that
// repeats its commands prints the marks more than once.
func answer(output, mark string) (string, bool) {
	for {
		_, rest, ok := strings.Cut(output, mark+":")
		if !ok {
			return "", false
		}
		value, _, ok := strings.Cut(rest, ":"+mark)
		if !ok {
			return "", false
		}
		if strings.HasPrefix(value, "/") || strings.Contains(value, ":/") {
			return value, true
		}
		output = rest
	}
}

// environment returns the little that a shell gets: who its user is, and what
// keeps its start-up files from doing more than they must.
func (r *Resolver) environment(shell string) []string {
	env := []string{
		"SHELL=" + shell, "TERM=dumb", "PATH=" + merge(r.own, usual),
		"MCPPROXY_TRAY_RESOLVING_PATH=1", // for start-up files that want to know
		"DISABLE_AUTO_UPDATE=true",       // oh-my-zsh would ask
		"ZSH_TMUX_AUTOSTART=false", "ZSH_TMUX_AUTOSTARTED=true",
	}
	for _, kv := range r.o.Environ {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
			"XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "__CF_USER_TEXT_ENCODING":
			env = append(env, kv)
		}
	}
	return env
}
