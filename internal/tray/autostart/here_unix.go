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
	dir, err := os.UserConfigDir() // XDG_CONFIG_HOME, else .config at home
	if err != nil {
		return nil, "", errors.New("the home folder is not known")
	}
	return file{filepath.Join(dir, "autostart", "mcpproxy-tray.desktop"), off}, desktopEntry(program), nil
}
