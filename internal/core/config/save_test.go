package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// editorVariable names a file that a copy of this test program edits until it is killed.
const editorVariable = "MPT_TEST_EDITS_THIS_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(editorVariable); path != "" {
		for on := false; ; on = !on {
			if err := Open(path).SetEnabled("demo", on); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
	}
	os.Exit(m.Run())
}

// failAt returns a disk whose nth step fails, and a count of the steps taken. A
// write that fails has written half.
func failAt(n int, cause error) (disk, *int) {
	d, steps := systemDisk(), 0
	fails := func() bool { steps++; return steps == n }
	wrap := func(do func() error) error {
		if fails() {
			return cause
		}
		return do()
	}
	failing := disk{
		createTemp: func(dir, pattern string) (*os.File, error) {
			if fails() {
				return nil, cause
			}
			return d.createTemp(dir, pattern)
		},
		chmod: func(f *os.File, m fs.FileMode) error { return wrap(func() error { return d.chmod(f, m) }) },
		write: func(f *os.File, b []byte) (int, error) {
			if !fails() {
				return d.write(f, b)
			}
			n, _ := d.write(f, b[:len(b)/2])
			return n, cause
		},
		sync:    func(f *os.File) error { return wrap(func() error { return d.sync(f) }) },
		close:   func(f *os.File) error { return errors.Join(wrap(func() error { return nil }), d.close(f)) },
		rename:  func(from, to string) error { return wrap(func() error { return d.rename(from, to) }) },
		link:    func(from, to string) error { return wrap(func() error { return d.link(from, to) }) },
		syncDir: func(dir string) error { return wrap(func() error { return d.syncDir(dir) }) },
	}
	return failing, &steps
}

// causes are what the system says when a step of a save fails.
var causes = []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EACCES, syscall.EBUSY, syscall.EDQUOT}

// TestEveryStepOfASaveFails fails the first step, then the second, and so on:
// the file is the old or the new one, and success is only said of the new one.
func TestEveryStepOfASaveFails(t *testing.T) {
	entry := json.RawMessage(`{"command":"x"}`)
	for name, edit := range map[string]func(*File) error{
		"disable": func(f *File) error { return f.SetEnabled("demo", false) },
		"add":     func(f *File) error { return f.Add("new", entry) },
		"remove":  func(f *File) error { return f.Remove("demo") },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "config.json")
		write(t, path, Default())
		if err := edit(Open(path)); err != nil {
			t.Fatal(err)
		}
		want := content(t, path)
		for _, cause := range causes {
			for n := 1; ; n++ {
				what := fmt.Sprintf("%s, step %d, %v", name, n, cause)
				if err := errors.Join(os.WriteFile(path, Default(), 0o600), os.Chmod(path, 0o640)); err != nil {
					t.Fatal(err)
				}
				f, steps := Open(path), new(int)
				f.disk, steps = failAt(n, cause)
				err := edit(f)
				switch got := content(t, path); {
				case got != want && got != string(Default()):
					t.Fatalf("%s: the file is neither old nor new:\n%s", what, got)
				case err == nil && got != want:
					t.Errorf("%s: success, but the file is the old one", what)
				case err != nil:
					wantError(t, what, err, ErrReadOnly)
				}
				if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
					t.Errorf("%s: mode %v, %v", what, info.Mode(), err)
				}
				if left, _ := os.ReadDir(dir); len(left) != 1 {
					t.Fatalf("%s: left behind: %v", what, left)
				}
				if *steps < n {
					if n < 6 || err != nil {
						t.Errorf("a save takes only %d steps, and ends with %v", *steps, err)
					}
					break
				}
			}
		}
	}
}

// TestEveryStepOfACreationFails leaves the whole file or none.
func TestEveryStepOfACreationFails(t *testing.T) {
	for _, cause := range append(causes, syscall.EXDEV) {
		for n := 1; ; n++ {
			path := filepath.Join(t.TempDir(), "config.json")
			d, steps := failAt(n, cause)
			err := d.create(path, Default())
			got, readErr := os.ReadFile(path)
			if readErr == nil && string(got) != string(Default()) || readErr != nil && err == nil {
				t.Fatalf("step %d, %v: the file holds %d bytes, create said %v", n, cause, len(got), err)
			}
			if err != nil {
				wantError(t, fmt.Sprintf("step %d, %v", n, cause), err, ErrReadOnly)
			}
			if *steps < n {
				break
			}
		}
	}
	// Without links the file is written in place, and taken away when that fails.
	for n := 6; n <= 8; n++ { // the write, the sync and the close of the second file
		path := filepath.Join(t.TempDir(), "config.json")
		d, _ := failAt(n, syscall.ENOSPC)
		d.link = func(string, string) error { return syscall.ENOTSUP }
		wantError(t, "create without links", d.create(path, Default()), ErrReadOnly)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("step %d: half a file was left: %v", n, err)
		}
	}
}

// TestKilledWhileSaving kills a process that saves all the time: what it leaves
// is one of the two contents it writes, never a part of one.
func TestKilledWhileSaving(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, Default())
	contents := map[string]bool{}
	for _, on := range []bool{true, false, true} {
		if err := Open(path).SetEnabled("demo", on); err != nil {
			t.Fatal(err)
		}
		contents[content(t, path)] = true
	}
	seen := map[string]int{}
	for range 30 {
		before := content(t, path)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), editorVariable+"="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(patience)
		for content(t, path) == before && time.Now().Before(deadline) {
			runtime.Gosched()
		}
		for end := time.Now().Add(time.Duration(rng.IntN(5000)) * time.Microsecond); time.Now().Before(end); {
			runtime.Gosched()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		after := content(t, path)
		if !contents[after] {
			t.Fatalf("a killed save left:\n%s", after)
		}
		seen[after]++
	}
	t.Logf("%d kills left %d of %d contents", 30, len(seen), len(contents))
}

// TestSaveSweepsUp removes what a killed save left long ago, and nothing else.
func TestSaveSweepsUp(t *testing.T) {
	dir := t.TempDir()
	old, fresh, other := filepath.Join(dir, ".mcpproxy-tray-1.tmp"), filepath.Join(dir, ".mcpproxy-tray-2.tmp"), filepath.Join(dir, "notes.tmp")
	path := filepath.Join(dir, "config.json")
	for _, p := range []string{old, fresh, other, path} {
		write(t, p, Default())
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(os.Chtimes(old, long, long), os.Chtimes(other, long, long)); err != nil {
		t.Fatal(err)
	}
	if err := Open(path).SetEnabled("demo", false); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != ".mcpproxy-tray-2.tmp config.json notes.tmp" {
		t.Errorf("left are %s", got)
	}
}

// TestReplaceKeepsWhatOthersWrote: a whole file is replaced only if it is what the caller saw.
func TestReplaceKeepsWhatOthersWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("older"), []byte("new")); !errors.Is(err, ErrBusy) {
		t.Errorf("Replace of another content = %v, want ErrBusy", err)
	}
	if err := Replace(path, []byte("old"), []byte("new")); err != nil {
		t.Errorf("Replace = %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "new" {
		t.Errorf("the file has %q", got)
	}
	out, err := Added("x", []byte("{ // mine\n}"), "a", json.RawMessage(`{"command": "x"}`))
	if err != nil || !strings.Contains(string(out), "// mine") || !strings.Contains(string(out), `"a"`) {
		t.Errorf("Added = %s, %v", out, err)
	}
	if _, err := Added("x", out, "A", json.RawMessage(`{"command": "y"}`)); !errors.Is(err, ErrExists) {
		t.Errorf("Added twice = %v, want ErrExists", err)
	}
	if out, err = Removed("x", out, "a"); err != nil || strings.Contains(string(out), `"a"`) || !strings.Contains(string(out), "// mine") {
		t.Errorf("Removed = %s, %v", out, err)
	}
	if _, err := Removed("x", out, "a"); !errors.Is(err, ErrUnknownServer) {
		t.Errorf("Removed twice = %v, want ErrUnknownServer", err)
	}
}
