//go:build unix && !darwin

package autostart

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

func here(program string) (entry, string, error) {
	if strings.ContainsAny(program, "\r\n") {
		return nil, "", errPath
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // is to be ignored (XDG Base Directory Specification 0.8, "Basics")
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return nil, "", errors.New("the home folder is not known")
		}
		dir = filepath.Join(home, ".config")
	}
	return file{filepath.Join(dir, "autostart", "mcpproxy-tray.desktop"), off}, desktopEntry(program), nil
}
