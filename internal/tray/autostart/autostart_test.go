//go:build unix && !darwin

package autostart_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcpproxy-tray/internal/tray/autostart"
)

const program = "/opt/mcpproxy tray/mcpproxy-tray"

func login(t *testing.T) (l *autostart.Login, path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "config")
	t.Setenv("XDG_CONFIG_HOME", dir)
	l, err := autostart.New(program)
	if err != nil {
		t.Fatal(err)
	}
	return l, filepath.Join(dir, "autostart", "mcpproxy-tray.desktop")
}

// TestRelativeFolderIsIgnored: as the XDG Base Directory Specification wants it.
func TestRelativeFolderIsIgnored(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "relative")
	l, err := autostart.New(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetEnabled(true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(home, ".config", "autostart", "mcpproxy-tray.desktop")); err != nil {
		t.Error(err)
	}
}

func TestSwitchedOnAndOff(t *testing.T) {
	l, path := login(t)
	if l.Enabled() {
		t.Error("it is on before anybody asked for it")
	}
	if err := l.SetEnabled(true); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(content), "\nExec=\""+program+"\"\n") {
		t.Errorf("%v, the entry:\n%s", err, content)
	}
	if again, err := autostart.New(program); err != nil || !again.Enabled() || !l.Enabled() {
		t.Errorf("it is not on after it was switched on: %v", err)
	}
	for range 2 {
		if err := l.SetEnabled(false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || l.Enabled() {
		t.Errorf("it is not off: %v", err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

func TestEntryThatTheDesktopIgnores(t *testing.T) {
	for _, line := range []string{"Hidden=true", "Hidden = True ", "X-GNOME-Autostart-enabled=false"} {
		l, path := login(t)
		if err := l.SetEnabled(true); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, append(content, line+"\n"...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if l, err = autostart.New(program); err != nil || l.Enabled() {
			t.Errorf("%s: it counts as on, %v", line, err)
		}
		if err := l.SetEnabled(true); err != nil {
			t.Fatal(err)
		}
		if l, err = autostart.New(program); err != nil || !l.Enabled() {
			t.Errorf("%s: it cannot be switched on again, %v", line, err)
		}
	}
}

func TestUnwritableSaysWhere(t *testing.T) {
	l, path := login(t)
	if err := os.WriteFile(filepath.Dir(filepath.Dir(path)), nil, 0o600); err != nil { // a file in place of the folder
		t.Fatal(err)
	}
	if err := l.SetEnabled(true); err == nil || !strings.Contains(err.Error(), path+" cannot be changed") || l.Enabled() {
		t.Errorf("err = %v, on = %v", err, l.Enabled())
	}
}

func TestPathThatNoEntryHolds(t *testing.T) {
	if _, err := autostart.New("/a\nExec=b"); err == nil {
		t.Error("a path with a line break is accepted")
	}
}
