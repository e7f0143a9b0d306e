//go:build unix && !darwin

package desktop

import (
	"os/exec"
	"syscall"
)

const openHint = "install xdg-utils"

func opener(path string) *exec.Cmd { return exec.Command("xdg-open", path) }

// detach keeps an editor alive when this program's terminal or process group ends.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
