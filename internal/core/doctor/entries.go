package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/shellpath"
)

// servers finds entries that can be read and yet cannot work: a variable that is not
// set, a malformed address, a command or a folder that is not there.
func servers(_ context.Context, x *exam) []Finding {
	var found []Finding
	for _, s := range x.servers() {
		f := Finding{Why: fmt.Sprintf("The server %q cannot start.", s.Name)}
		full, err := s.Expand(x.variable)
		switch e, ok := errors.AsType[*config.Error](err); {
		case ok:
			f.Text, f.Hint = fmt.Sprintf("Server %q: %s", s.Name, e.Text), e.Hint
		case filepath.IsAbs(full.Cwd) && !isDir(full.Cwd):
			f.Text = fmt.Sprintf("The folder %q of the server %q does not exist.", full.Cwd, s.Name)
			f.Hint = `Make it, or change "cwd" in the configuration.`
		case full.Command != "" && !x.finds(full):
			f.Text = fmt.Sprintf("The command %q of the server %q is not found.", full.Command, s.Name)
			f.Hint = "Install it, or write its whole path into the configuration."
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// finds reports whether a server's command is there. "mcpproxy-tray" means this program,
// whatever its file is called. Where the login shell gives no PATH, the program's own counts.
func (x *exam) finds(s config.Server) bool {
	if s.Command == "mcpproxy-tray" && x.Self != "" {
		return true
	}
	if strings.ContainsRune(s.Command, filepath.Separator) || strings.ContainsRune(s.Command, '/') {
		return runnable(filepath.Join(map[bool]string{false: s.Cwd}[filepath.IsAbs(s.Command)], s.Command))
	}
	dirs, _ := x.path() // its error is a finding of its own
	for _, dir := range filepath.SplitList(dirs) {
		if runnable(filepath.Join(dir, s.Command)) {
			return true
		}
	}
	return false
}

func runnable(path string) bool {
	if runtime.GOOS == "windows" {
		for _, ext := range []string{"", ".exe", ".cmd", ".bat", ".com"} {
			if info, err := os.Stat(path + ext); err == nil && !info.IsDir() {
				return true
			}
		}
		return false
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// path finds a login shell that does not tell the PATH, which is asked for when the
// program is started by a desktop.
func path(_ context.Context, x *exam) []Finding {
	_, err := x.path()
	if err == nil {
		return nil
	}
	shell, _ := x.variable("SHELL")
	f := Finding{Text: fmt.Sprintf("The login shell %s does not tell its PATH.", shell),
		Why:  "Programs that only its start-up files know, such as npx and uvx, are not found after a start by the desktop.",
		Hint: fmt.Sprintf("Try: %s -l -i -c 'echo $PATH'", config.ShellQuote(shell))}
	switch {
	case errors.Is(err, shellpath.ErrTooLate):
		f.Text = fmt.Sprintf("The start-up files of the login shell %s take longer than 3 s.", shell)
		f.Hint = "Look for what is slow in them, or what waits for an answer; they see MCPPROXY_TRAY_RESOLVING_PATH=1."
	case errors.Is(err, shellpath.ErrTooMuch):
		f.Text = fmt.Sprintf("The start-up files of the login shell %s print more than 1 MB.", shell)
	}
	return []Finding{f}
}
