package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processEnviron returns the environment a process was started with; nil if it
// cannot be seen.
func processEnviron(pid int) []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // another user's: nothing
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == 0 })
}

// listener returns the process that listens on a TCP port, and its name; 0 if it
// cannot be seen, as with one of another user.
func listener(port int) (pid int, name string) {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table) // without IPv6 there is one
		for line := range strings.Lines(string(text)) {
			// Number, local and remote address, state (0A is LISTEN), …, inode; see proc(5).
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(sockets) == 0 {
		return 0, ""
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/[0-9]*") // the pattern is right
	for _, file := range files {
		if target, err := os.Readlink(file); err != nil || !sockets[target] {
			continue
		}
		dir := filepath.Dir(filepath.Dir(file))
		comm, _ := os.ReadFile(dir + "/comm") // it has just ended: no name
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			return pid, strings.TrimSpace(string(comm))
		}
	}
	return 0, ""
}
