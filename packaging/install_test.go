//go:build linux

// Package packaging_test runs make install and make uninstall into a directory of
// its own. Its tests share nothing.
package packaging_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// makeTarget runs a target of the Makefile with a stand-in for the built program.
func makeTarget(t *testing.T, target string, vars ...string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"-C", "..", "-o", "build", target, "BIN=" + bin}, vars...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
}

// files returns the files below root with their modes.
func files(t *testing.T, root string) map[string]fs.FileMode {
	t.Helper()
	all := map[string]fs.FileMode{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		rel, _ := filepath.Rel(root, path)
		all[rel] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInstallForTheUser(t *testing.T) {
	home := filepath.Join(t.TempDir(), "my home")
	prefix := "PREFIX=" + filepath.Join(home, ".local")
	makeTarget(t, "install", prefix)
	share := filepath.Join(home, ".local", "share")
	got := files(t, home)
	want := map[string]fs.FileMode{
		".local/bin/mcpproxy-tray":                                   0o755,
		".local/share/applications/mcpproxy-tray.desktop":            0o644,
		".local/share/icons/hicolor/scalable/apps/mcpproxy-tray.svg": 0o644,
	}
	for _, name := range []string{"bash-completion/completions/mcpproxy-tray", "zsh/site-functions/_mcpproxy-tray", "fish/vendor_completions.d/mcpproxy-tray.fish"} {
		want[".local/share/"+name] = 0o644
	}
	pages, err := filepath.Glob("man/*.1")
	if err != nil || len(pages) == 0 {
		t.Errorf("%d pages of the manual (%v)", len(pages), err)
	}
	for _, page := range pages {
		want[".local/share/man/man1/"+filepath.Base(page)] = 0o644
	}
	for _, size := range []int{16, 22, 24, 32, 48, 64, 128, 256} {
		name := fmt.Sprintf("icons/hicolor/%dx%[1]d/apps/mcpproxy-tray.png", size)
		want[".local/share/"+name] = 0o644
		f, err := os.Open(filepath.Join(share, name))
		if err != nil {
			t.Error(err)
			continue
		}
		picture, err := png.DecodeConfig(f)
		if f.Close(); err != nil || picture.Width != size || picture.Height != size {
			t.Errorf("%s is %d × %d (%v)", name, picture.Width, picture.Height, err)
		}
	}
	for name, mode := range want {
		if got[name] != mode {
			t.Errorf("%s: mode %v, want %v", name, got[name], mode)
		}
		delete(got, name)
	}
	delete(got, ".local/share/applications/mimeinfo.cache") // of update-desktop-database
	if len(got) > 0 {
		t.Errorf("more was installed: %v", got)
	}
	wellFormed(t, filepath.Join(share, "icons/hicolor/scalable/apps/mcpproxy-tray.svg"))
	checkEntry(t, filepath.Join(share, "applications/mcpproxy-tray.desktop"), filepath.Join(home, ".local/bin/mcpproxy-tray"))

	makeTarget(t, "install", prefix) // again, over the first
	makeTarget(t, "uninstall", prefix)
	left := files(t, home)
	delete(left, ".local/share/applications/mimeinfo.cache")
	if len(left) > 0 {
		t.Errorf("uninstall left %v", left)
	}
	makeTarget(t, "uninstall", prefix) // nothing there is no failure
}

// checkEntry wants an entry that is valid and starts the program wherever the
// desktop's PATH leads.
func checkEntry(t *testing.T, path, program string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"TryExec=" + program, `Exec="` + program + `"`, "Icon=mcpproxy-tray", "Terminal=false"} {
		if !strings.Contains(string(data), "\n"+line+"\n") {
			t.Errorf("the entry lacks %s:\n%s", line, data)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "desktop-file-validate", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("desktop-file-validate: %v\n%s", err, out)
	}
}

func wellFormed(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := xml.NewDecoder(f)
	for err == nil {
		_, err = dec.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("%s: %v", path, err)
	}
}

// TestInstallForAPackage: below DESTDIR, with the paths of the finished system.
func TestInstallForAPackage(t *testing.T) {
	root := t.TempDir()
	makeTarget(t, "install", "DESTDIR="+root, "PREFIX=/usr")
	got := files(t, root)
	for name := range got {
		if !strings.HasPrefix(name, "usr/share/") && name != "usr/bin/mcpproxy-tray" {
			t.Errorf("%s was installed", name)
		}
	}
	if got["usr/bin/mcpproxy-tray"] != 0o755 || got["usr/share/man/man1/mcpproxy-tray.1"] != 0o644 {
		t.Errorf("installed %v", got)
	}
	checkEntryText(t, filepath.Join(root, "usr/share/applications/mcpproxy-tray.desktop"))
	makeTarget(t, "uninstall", "DESTDIR="+root, "PREFIX=/usr")
	if left := files(t, root); len(left) > 0 {
		t.Errorf("uninstall left %v", left)
	}
}

func checkEntryText(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "\nExec=\"/usr/bin/mcpproxy-tray\"\n") {
		t.Errorf("%v:\n%s", err, data)
	}
}
