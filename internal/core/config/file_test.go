package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantError checks one that people see: a class, a sentence, a next step, and no words of Go.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
		return
	}
	if !strings.HasSuffix(e.Text, ".") || e.Hint == "" || strings.Contains(e.Text, "syscall") || strings.Contains(e.Text, "open ") {
		t.Errorf("%s: text %q, hint %q", what, e.Text, e.Hint)
	}
}

func TestFileEdits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := Create(path, Default()); err != nil {
		t.Fatal(err)
	}
	f := Open(path)
	if cfg, err := f.Load(); err != nil || len(cfg.Servers) != 1 || cfg.Servers[0].CommandLine() != "mcpproxy-tray demo-server" || len(cfg.Warnings) > 0 {
		t.Fatalf("Load = %v, %v", cfg, err)
	}
	for _, step := range []error{
		f.SetEnabled("demo", false),
		f.Add("web", json.RawMessage(`{"url": "https://example.com/mcp"}`)),
		f.SetEnabled("web", false), f.SetEnabled("web", true),
		f.Remove("demo"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	want := Server{Name: "web", URL: "https://example.com/mcp", Transport: "http"}
	if cfg, err := f.Load(); err != nil || len(cfg.Servers) != 1 || !cfg.Servers[0].Equal(want) {
		t.Errorf("Load after edits = %v, %v", cfg, err)
	}
	if got := content(t, path); !strings.Contains(got, "A small server that comes") || !strings.Contains(got, `// "linear"`) {
		t.Errorf("a comment is gone:\n%s", got)
	}
	wantError(t, "remove again", f.Remove("demo"), ErrUnknownServer)
	wantError(t, "create again", Create(path, Default()), ErrExists)
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) *File { return Open(filepath.Join(dir, name)) }
	_, err := at("none.json").Load()
	wantError(t, "missing", err, fs.ErrNotExist)
	wantError(t, "edit missing", at("none.json").SetEnabled("a", true), fs.ErrNotExist)
	_, err = Open(dir).Load()
	wantError(t, "folder", err, ErrInvalid)
	write(t, filepath.Join(dir, "file"), []byte("x"))
	wantError(t, "create in no folder", Create(filepath.Join(dir, "none", "config.json"), nil), fs.ErrNotExist)
	wantError(t, "create below a file", Create(filepath.Join(dir, "file", "config.json"), nil), ErrReadOnly)

	const broken = "{\n  \"mcpServers\": {\n    \"a\": "
	write(t, filepath.Join(dir, "broken.json"), []byte(broken))
	_, err = at("broken.json").Load()
	if err == nil || !strings.HasPrefix(err.Error(), "broken.json:3:10: ") {
		t.Errorf("Load of a broken file = %v", err)
	}
	wantError(t, "enable in broken file", at("broken.json").SetEnabled("a", true), ErrInvalid)
	wantError(t, "add to broken file", at("broken.json").Add("b", json.RawMessage(`{"command":"x"}`)), ErrInvalid)
	if got := content(t, filepath.Join(dir, "broken.json")); got != broken {
		t.Errorf("the broken file was written: %q", got)
	}

	protected := filepath.Join(dir, "protected.json")
	write(t, protected, Default())
	if err := os.Chmod(protected, 0o444); err != nil {
		t.Fatal(err)
	}
	wantError(t, "edit write-protected", Open(protected).SetEnabled("demo", false), ErrReadOnly)
	if got := content(t, protected); got != string(Default()) {
		t.Errorf("the protected file was written: %q", got)
	}
}

// TestReplaceInReadOnlyFolder uses folders that even root cannot write to.
func TestReplaceInReadOnlyFolder(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("no folder is read-only for an administrator here; the errors' words are tested on Linux")
		return
	}
	wantError(t, "create in /proc", Create("/proc/config.json", Default()), ErrReadOnly)
	const file = "/proc/sys/kernel/hostname" // a regular file its owner may write, in a folder that takes no new ones
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := systemDisk().replace(file, text, []byte("x"))
	wantError(t, "replace in /proc/sys", e, ErrReadOnly)
	if !strings.HasPrefix(e.Text, "The file cannot be saved") {
		t.Errorf("replace in /proc/sys: %s", e.Text)
	}
	if now, _ := os.ReadFile(file); !bytes.Equal(now, text) {
		t.Errorf("%s changed to %q", file, now)
	}
}

func TestReplaceKeepsModeAndLinks(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"dotfiles", "config"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	target, link := filepath.Join(dir, "dotfiles", "mcp.json"), filepath.Join(dir, "config", "config.json")
	write(t, target, Default())
	if err := errors.Join(os.Chmod(target, 0o640), os.Symlink("../dotfiles/mcp.json", link)); err != nil {
		t.Fatal(err)
	}
	if err := Open(link).SetEnabled("demo", false); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(link); err != nil || got != "../dotfiles/mcp.json" {
		t.Errorf("link = %q, %v", got, err)
	}
	if info, err := os.Stat(target); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("mode = %v, %v", info.Mode(), err)
	}
	if !strings.Contains(content(t, target), `"disabled": true`) {
		t.Error("the target was not edited")
	}
}

func TestReplaceRefusesChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, []byte("new"))
	err := systemDisk().replace(path, []byte("old"), []byte("ours"))
	wantError(t, "replace", &Error{Text: err.Text, Hint: "x", cause: err.cause}, ErrBusy)
	if got := content(t, path); got != "new" {
		t.Errorf("content = %q", got)
	}
}

// TestEditAppliesToNewerContent changes the file between an edit's read and write.
func TestEditAppliesToNewerContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, Default())
	f, calls := Open(path), 0
	disturbed := func(times int) edit {
		return func(d *document, before *Config) ([]byte, *Error) {
			if calls++; calls <= times {
				write(t, path, append(Default(), strings.Repeat("// more\n", calls)...))
			}
			return switchTo("demo", false)(d, before)
		}
	}
	if err := f.edit("demo", disturbed(2)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); calls != 3 || !strings.HasSuffix(got, "}\n// more\n// more\n") || !strings.Contains(got, `"disabled": true`) {
		t.Errorf("after %d calls: %s", calls, got)
	}
	calls = 0
	write(t, path, Default())
	wantError(t, "ever changing", f.edit("demo", disturbed(100)), ErrBusy)
}

func TestConcurrentEdits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, manyServers(20))
	f := Open(path)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := f.SetEnabled(fmt.Sprintf("server-%d", i), true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := strings.ReplaceAll(string(manyServers(20)), `"disabled": true`, `"disabled": false`)
	if got := content(t, path); got != want {
		t.Errorf("edits were lost:\n%s", got)
	}
}

// TestErrorWords: what the system says becomes a sentence and a next step.
func TestErrorWords(t *testing.T) {
	for cause, want := range map[syscall.Errno]string{
		syscall.EACCES:  "It cannot be saved: this user may not write there.",
		syscall.EPERM:   "It cannot be saved: this user may not write there.",
		syscall.EROFS:   "It cannot be saved: it is on a read-only file system.",
		syscall.ENOSPC:  "It cannot be saved: the disk is full.",
		syscall.ENOENT:  "It cannot be saved: its folder does not exist.",
		syscall.ENOTDIR: "It cannot be saved: a part of its path is a file.",
		syscall.EEXIST:  "It cannot be saved: a link that leads nowhere is in its place.",
		syscall.EBUSY:   "It cannot be saved: it is mounted by itself, as files of containers are.",
		syscall.EDQUOT:  "It cannot be saved: your share of the disk is used up.",
		syscall.EIO:     "It cannot be saved.",
	} {
		err := writeError("x/config.json", "It cannot be saved", &os.PathError{Op: "open", Path: "x", Err: cause})
		wantError(t, cause.Error(), err, ErrReadOnly)
		if err.Text != want || !errors.Is(err, cause) {
			t.Errorf("%v: %s, want %s", cause, err.Text, want)
		}
	}
	wantError(t, "read", readError("x", syscall.EACCES), fs.ErrPermission)
	wantError(t, "read", readError("x", syscall.EIO), syscall.EIO)
}
