//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDesktopLaunchFindsCommands starts the program as a desktop does, with a poor
// PATH and no shell above it. A command that only the login shell's PATH has is found.
// Started from a shell that does not have it, the program says where it looked, and
// tries again when the command appears there.
func TestDesktopLaunchFindsCommands(t *testing.T) {
	for _, c := range []struct {
		name, level, state string
	}{
		{"desktop", "", "connected"},
		{"shell", "SHLVL=1", "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home, user, extra := t.TempDir(), t.TempDir(), t.TempDir()
			tools := filepath.Join(user, "tools")
			if err := os.Mkdir(tools, 0o755); err != nil {
				t.Fatal(err)
			}
			script := "#!/bin/sh\nexec " + programPath(t) + " demo-server\n"
			for path, text := range map[string]string{
				filepath.Join(tools, "my-server"):    script,
				filepath.Join(user, ".bash_profile"): "echo welcome\nexport PATH=$HOME/tools:$PATH\n",
			} {
				if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			writeConfig(t, home, `"mine": {"command": "my-server"}`, `"quarantine": false,`)
			cmd := command(t, home, nil, "serve")
			cmd.Env = []string{"MCPPROXY_TRAY_HOME=" + home, "HOME=" + user, "SHELL=/bin/bash", "PATH=" + extra + ":/usr/bin:/bin", c.level}
			p := begin(t, home, cmd)
			p.waitUp()
			s := p.waitState("mine", c.state)
			if c.state != "failed" {
				return
			}
			if s.Problem.Code != "MPT-CMD-NOT-FOUND" || !strings.Contains(s.Problem.Hint, extra) {
				t.Errorf("problem = %+v", s.Problem)
			}
			if err := os.Symlink(filepath.Join(tools, "my-server"), filepath.Join(extra, "my-server")); err != nil {
				t.Fatal(err)
			}
			p.waitState("mine", "connected")
		})
	}
}
