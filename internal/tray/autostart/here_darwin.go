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
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, "", errors.New("the home folder is not known")
	}
	return file{path: filepath.Join(home, "Library", "LaunchAgents", agentLabel+".plist")}, launchAgent(program), nil
}
