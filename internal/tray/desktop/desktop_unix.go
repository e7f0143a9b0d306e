//go:build unix && !darwin

package desktop

import (
	"cmp"
	"os"
	"os/exec"
)

const openHint = "install xdg-utils"

func opener(path string) *exec.Cmd { return exec.Command("xdg-open", path) }

func browser(url string) *exec.Cmd { return exec.Command("xdg-open", url) }

// present reports whether there is a screen: without one xdg-open takes over the
// terminal with a browser for text.
func present() bool { return cmp.Or(os.Getenv("WAYLAND_DISPLAY"), os.Getenv("DISPLAY")) != "" }
