//go:build unix && !darwin

package desktop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/tray/desktop"
)

var theDesktop = desktop.Desktop{Start: (*exec.Cmd).Start}

// install puts a shell script of that name alone into the PATH.
func install(t *testing.T, name, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return dir
}

func TestOpenFile(t *testing.T) {
	dir := install(t, "xdg-open", `printf %s "$1" >"$0.part" && /bin/mv "$0.part" "$0.got" && /bin/sleep 2`)
	file := filepath.Join(dir, "a file $(x) 'y'.log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := theDesktop.OpenFile(file); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("opening took %v: it waits for the program", d)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := os.ReadFile(filepath.Join(dir, "xdg-open.got"))
		if err == nil {
			if string(got) != file {
				t.Errorf("opened %q, want %q", got, file)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the program was not started")
		}
	}
}

func TestOpenFileSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	missing := filepath.Join(dir, "none.log")
	if err := theDesktop.OpenFile(missing); err == nil || !strings.Contains(err.Error(), "there is no "+missing) {
		t.Errorf("error = %v", err)
	}
	if err := theDesktop.OpenFile(dir); err == nil || !strings.Contains(err.Error(), "install xdg-utils") {
		t.Errorf("error = %v", err)
	}
}

func TestOpenURL(t *testing.T) {
	const url = "http://127.0.0.1:7420/open/ABC"
	for name, c := range map[string]struct {
		display, script, want string
	}{
		"opens":       {":7", `[ "$1" = ` + url + ` ] || exit 1`, ""},
		"stays":       {":7", `[ "$1" = ` + url + ` ] || exit 1; exec /bin/sleep 3`, ""},
		"no browser":  {":7", `exit 3`, "no browser took it"},
		"no desktop":  {"", `exit 0`, "no desktop"},
		"not a start": {":7", "", "install xdg-utils"},
	} {
		t.Run(name, func(t *testing.T) {
			program := "xdg-open"
			if c.script == "" {
				program = "another"
			}
			install(t, program, c.script)
			t.Setenv("DISPLAY", c.display)
			t.Setenv("WAYLAND_DISPLAY", "")
			err := theDesktop.OpenURL(url)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("OpenURL: %v, want %q", err, c.want)
			}
		})
	}
}

func TestOpenURLWithPassesTheTokenOn(t *testing.T) {
	install(t, "xdg-open", `[ "$XDG_ACTIVATION_TOKEN" = tok ] && [ "$1" = http://u ] && [ -n "$DISPLAY" ] || exit 1`)
	t.Setenv("DISPLAY", ":7")
	if err := theDesktop.OpenURLWith("tok", "http://u"); err != nil {
		t.Error(err)
	}
	if err := theDesktop.OpenURL("http://u"); err == nil {
		t.Error("a token came from nowhere")
	}
}
