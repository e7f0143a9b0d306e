package desktop

import (
	"os/exec"
	"syscall"
)

const openHint = "“open” is missing from the PATH"

func opener(path string) *exec.Cmd { return exec.Command("open", "-t", path) }

// detach keeps an editor alive when this program's terminal or process group ends.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
