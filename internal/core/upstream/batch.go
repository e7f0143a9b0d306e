package upstream

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"mcpproxy-tray/internal/core/config"
)

// isBatch reports whether a program is a batch file of Windows. These run
// through cmd.exe, whose command lines cannot be quoted safely: a & in an argument
// would start another program.
func isBatch(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return runtime.GOOS == "windows" && (ext == ".cmd" || ext == ".bat")
}

// withoutShell makes cmd, whose program is a batch file, run what the file would
// run, if it is one of those that package managers write: node with a script.
// Any other is run as it is if its arguments mean nothing to cmd.exe, and refused
// else.
func (c *Connector) withoutShell(cmd *exec.Cmd, search, written string) error {
	if script := shimScript(cmd.Path, readStart(cmd.Path)); script != "" {
		node := filepath.Join(filepath.Dir(cmd.Path), "node.exe")
		if _, err := os.Stat(node); err != nil {
			node = c.lookUp(config.Server{Command: "node"}, search).path
		}
		if _, err := os.Stat(script); err == nil && node != "" && !isBatch(node) {
			cmd.Args = append([]string{node, script}, cmd.Args[1:]...)
			cmd.Path = node
			return nil
		}
	}
	cmd.Args[0] = cmd.Path // it becomes part of the command line
	if bad := strings.IndexAny(cmd.Path, "&|<>^%!\""); bad >= 0 {
		return pBatch.with(written, cmd.Path[bad:bad+1])
	}
	for _, arg := range cmd.Args[1:] {
		if bad := strings.IndexAny(arg, unsafeInBatch); bad >= 0 {
			return pBatch.with(written, arg[bad:bad+1]) // not all of it: it may be secret
		}
	}
	return nil
}

// unsafeInBatch are the characters that are more than text to cmd.exe or within a
// batch file's "%*", also in parentheses.
const unsafeInBatch = "&|<>^%!\"()\r\n\x1a"

// readStart returns the beginning of a file, as much as a shim has.
func readStart(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 8<<10)) // unreadable: as good as empty
	return string(text)
}

// What the batch files of npm, pnpm and yarn start: "%_prog%" "%dp0%\node_modules\x\cli.js" %*
// or, in the two that come with node, NPX_CLI_JS=%~dp0\node_modules\npm\bin\npx-cli.js.
var (
	shimCall = regexp.MustCompile(`(?i)(?:"%_prog%"|"%~dp0\\node\.exe"|\bnode)\s+"%(?:~dp0|dp0%)\\?([^"%]+\.[cm]?js)"\s+%\*`)
	nodeCall = regexp.MustCompile(`(?i)SET "?N(?:PX|PM)_CLI_JS=%~dp0\\?([^"%\r\n]+\.js)"?`)
)

// shimScript returns the script that a package manager's batch file at path
// runs with node, or "".
func shimScript(path, text string) string {
	for _, re := range []*regexp.Regexp{shimCall, nodeCall} {
		// More than one script: the file decides between them, so we cannot.
		scripts := map[string]bool{}
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			scripts[m[1]] = true
		}
		if len(scripts) == 1 {
			for s := range scripts {
				return filepath.Join(filepath.Dir(path), filepath.FromSlash(strings.ReplaceAll(s, `\`, "/")))
			}
		}
	}
	return ""
}
