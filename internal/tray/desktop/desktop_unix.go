//go:build unix && !darwin

package desktop

import "os/exec"

const openHint = "install xdg-utils"

func opener(path string) *exec.Cmd { return exec.Command("xdg-open", path) }
