package desktop

import (
	"os/exec"
	"syscall"
)

const openHint = "“rundll32” is missing from the PATH"

// Not "cmd /c start": it would interpret the path.
func opener(path string) *exec.Cmd {
	return exec.Command("rundll32", "url.dll,FileProtocolHandler", path)
}

// detach keeps an editor alive when this program ends, whose job object ends its
// children, and opens no console window.
func detach(cmd *exec.Cmd) {
	const createBreakawayFromJob = 0x01000000
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: createBreakawayFromJob}
}
