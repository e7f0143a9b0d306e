package config

import (
	"bytes"
	"context"
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
	"time"

	"github.com/fsnotify/fsnotify"
)

// patience is how long a test waits for what should take well under a second:
// the machine may be busy.
const patience = 20 * time.Second

// A seen is one thing a Watch yielded.
type seen struct {
	cfg *Config
	err error
}

// watched runs a Watch for the time of the test, and hands on what it yields.
func watched(t *testing.T, path string, p pace) (*File, <-chan seen) {
	t.Helper()
	f := Open(path)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan seen, 1000)
	var wg sync.WaitGroup
	wg.Go(func() {
		for cfg, err := range f.watch(ctx, p) {
			results <- seen{cfg, err}
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return f, results
}

func next(t *testing.T, what string, results <-chan seen) seen {
	t.Helper()
	select {
	case s := <-results:
		return s
	case <-time.After(patience):
		t.Fatalf("%s: nothing was yielded", what)
		return seen{}
	}
}

// wantCommand fails unless the next thing yielded is a config whose only server has this command.
func wantCommand(t *testing.T, what string, results <-chan seen, command string) {
	t.Helper()
	s := next(t, what, results)
	if s.err != nil || len(s.cfg.Servers) != 1 || s.cfg.Servers[0].Command != command {
		t.Fatalf("%s: yielded %v, %v, want command %s", what, s.cfg, s.err, command)
	}
}

func fileWith(command string) []byte {
	pad := strings.Repeat("// a comment that makes the file longer than one write of an editor\n", 100)
	return fmt.Appendf(nil, "%s{\"mcpServers\": {\"a\": {\"command\": %q}}}\n", pad, command)
}

// saves are the ways in which editors and tools replace a file.
var saves = []struct {
	name string
	save func(t *testing.T, path string, content []byte) error
}{
	{"write in place (nano)", func(t *testing.T, path string, content []byte) error {
		return os.WriteFile(path, content, 0o600)
	}},
	{"write in place in pieces", func(t *testing.T, path string, content []byte) error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		for piece := range bytes.SplitAfterSeq(content, []byte("\n")) {
			if _, err := file.Write(piece); err != nil {
				return err
			}
			if err := file.Sync(); err != nil {
				return err
			}
		}
		return file.Close()
	}},
	{"temp file and rename (VS Code, sed -i)", func(t *testing.T, path string, content []byte) error {
		return errors.Join(os.WriteFile(path+".tmp", content, 0o600), os.Rename(path+".tmp", path))
	}},
	{"backup, then new file (vim)", func(t *testing.T, path string, content []byte) error {
		return errors.Join(os.Rename(path, path+"~"), os.WriteFile(path, content, 0o600), os.Remove(path+"~"))
	}},
	{"delete and recreate", func(t *testing.T, path string, content []byte) error {
		return errors.Join(os.Remove(path), os.WriteFile(path, content, 0o600))
	}},
	{"hard link backup (emacs)", func(t *testing.T, path string, content []byte) error {
		return errors.Join(os.Link(path, path+"~"), os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path), os.Remove(path+"~"))
	}},
	{"temp file in another folder", func(t *testing.T, path string, content []byte) error {
		temp := filepath.Join(t.TempDir(), "x")
		return errors.Join(os.WriteFile(temp, content, 0o600), os.Rename(temp, path))
	}},
	{"over the old bytes, without truncating", func(t *testing.T, path string, content []byte) error {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteAt(content, 0)
		return errors.Join(err, file.Truncate(int64(len(content))), file.Close())
	}},
	{"same size, same time", func(t *testing.T, path string, content []byte) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path, content, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
	}},
}

func TestWatchSeesEverySaveStyle(t *testing.T) {
	if len(saves) < 8 {
		t.Errorf("only %d styles", len(saves))
	}
	for _, style := range saves {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config.json")
			write(t, path, fileWith("v0"))
			_, results := watched(t, path, usualPace())
			wantCommand(t, "start", results, "v0")
			best := patience // of three: the machine may be busy for a moment
			for _, version := range []string{"v1", "v2", "v3"} {
				start := time.Now()
				if err := style.save(t, path, fileWith(version)); err != nil {
					t.Fatal(err)
				}
				wantCommand(t, version, results, version) // and no broken or missing file before it
				best = min(best, time.Since(start))
			}
			if best > time.Second {
				t.Errorf("seen after %v at best", best)
			}
		})
	}
}

// TestWatchMissesNoEdit makes 1,000 edits, each after the one before was seen:
// every content is yielded, and none twice.
func TestWatchMissesNoEdit(t *testing.T) {
	each := (1000 + len(saves) - 1) / len(saves)
	for _, style := range saves {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config.json")
			file := func(i int) []byte {
				return fmt.Appendf(nil, "{\n  \"mcpServers\": {\n    \"a\": {\"command\": \"v%03d\"}\n  }\n}\n", i)
			}
			write(t, path, file(0))
			p := usualPace()
			p.settle, p.atMost = 2*time.Millisecond, 50*time.Millisecond
			_, results := watched(t, path, p)
			wantCommand(t, "start", results, "v000")
			for i := 1; i <= each; i++ {
				if err := style.save(t, path, file(i)); err != nil {
					t.Fatal(err)
				}
				wantCommand(t, fmt.Sprint("edit ", i), results, fmt.Sprintf("v%03d", i))
			}
			if len(results) > 0 {
				t.Errorf("%d more than the edits", len(results))
			}
		})
	}
}

func TestWatchSeesOwnEditAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, fileWith("x"))
	p := usualPace()
	p.settle, p.atMost = time.Hour, time.Hour // events alone would take for ever
	f, results := watched(t, path, p)
	wantCommand(t, "start", results, "x")
	if err := f.SetEnabled("a", false); err != nil {
		t.Fatal(err)
	}
	if s := next(t, "edit", results); s.err != nil || !s.cfg.Servers[0].Disabled {
		t.Errorf("yielded %v, %v", s.cfg, s.err)
	}
}

func TestWatchBrokenMissingAndMended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, fileWith("v1"))
	_, results := watched(t, path, usualPace())
	wantCommand(t, "start", results, "v1")
	write(t, path, fileWith("v2")[:500])
	if s := next(t, "broken", results); !errors.Is(s.err, ErrInvalid) || s.cfg != nil {
		t.Fatalf("broken: %v, %v", s.cfg, s.err)
	}
	write(t, path, nil)
	if s := next(t, "empty", results); s.err == nil || !strings.Contains(s.err.Error(), "is empty") {
		t.Fatalf("empty: %v, %v", s.cfg, s.err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s := next(t, "removed", results); !errors.Is(s.err, fs.ErrNotExist) {
		t.Fatalf("removed: %v, %v", s.cfg, s.err)
	}
	write(t, path, fileWith("v1"))
	wantCommand(t, "mended", results, "v1") // the same as before the errors, still said
}

func TestWatchFoldersThatComeAndGo(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "one", "two")
	path := filepath.Join(dir, "config.json")
	_, results := watched(t, path, usualPace())
	if s := next(t, "start", results); !errors.Is(s.err, fs.ErrNotExist) {
		t.Fatalf("start: %v", s.err)
	}
	create := func(command string) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, fileWith(command))
	}
	create("v1")
	wantCommand(t, "folders made", results, "v1")
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if s := next(t, "folder renamed", results); !errors.Is(s.err, fs.ErrNotExist) {
		t.Fatalf("folder renamed: %v", s.err)
	}
	create("v2")
	wantCommand(t, "new folder", results, "v2")
	if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+"-away", dir)); err != nil {
		t.Fatal(err)
	}
	wantCommand(t, "old folder back", results, "v1")
	write(t, path, fileWith("v3"))
	wantCommand(t, "and still followed", results, "v3")
}

func TestWatchLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("links need a privilege on Windows")
		return
	}
	base := t.TempDir()
	at := func(p string) string { return filepath.Join(base, filepath.FromSlash(p)) }
	link := func(target, path string) { // replaces in one step, as ln -sfn does not
		if err := errors.Join(os.Symlink(target, at(path)+".new"), os.Rename(at(path)+".new", at(path))); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"v1", "v2", "dots", "cfg"} {
		if err := os.Mkdir(at(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("v1/c.json"), fileWith("v1"))
	write(t, at("v2/c.json"), fileWith("v2"))
	link("../v1", "dots/data")                     // a folder that is swapped, as in a container
	link("../dots/data/c.json", "cfg/config.json") // a dotfiles manager's link
	_, results := watched(t, at("cfg/config.json"), usualPace())
	wantCommand(t, "start", results, "v1")
	write(t, at("v1/c.json"), fileWith("v1b"))
	wantCommand(t, "target written", results, "v1b")
	link("../v2", "dots/data")
	wantCommand(t, "folder link swapped", results, "v2")
	write(t, at("v2/c.json"), fileWith("v2b"))
	wantCommand(t, "new target written", results, "v2b")
	write(t, at("other.json"), fileWith("v3"))
	link("../other.json", "cfg/config.json")
	wantCommand(t, "file link swapped", results, "v3")
	link("config.json", "cfg/config.json")
	if s := next(t, "loop", results); s.err == nil {
		t.Fatal("a link to itself was read")
	}
	link("../v1/c.json", "cfg/config.json")
	wantCommand(t, "loop mended", results, "v1b")
}

// TestWatchManyEdits: whatever was skipped, the last content is not.
func TestWatchManyEdits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, fileWith("v0"))
	_, results := watched(t, path, usualPace())
	const last = 300
	for i := range last {
		if err := saves[i%len(saves)].save(t, path, fileWith(fmt.Sprint("v", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	previous := ""
	for {
		s := next(t, "edits", results)
		if s.err != nil {
			t.Fatal(s.err)
		}
		got := s.cfg.Servers[0].Command
		if got == previous {
			t.Fatalf("%s was yielded twice", got)
		}
		if previous = got; got == fmt.Sprint("v", last) {
			return
		}
	}
}

// TestWatchPollsAtTheLimit takes the system's watches away and gives them back.
func TestWatchPollsAtTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, fileWith("v1"))
	p := usualPace()
	p.poll = 20 * time.Millisecond
	release := make(chan struct{})
	p.open = func() (*fsnotify.Watcher, error) {
		select {
		case <-release:
			return fsnotify.NewWatcher()
		default:
			return nil, syscall.EMFILE
		}
	}
	_, results := watched(t, path, p)
	s := next(t, "start", results)
	if s.err != nil || len(s.cfg.Warnings) != 1 || !strings.Contains(s.cfg.Warnings[0].Text, "limit of watched files") {
		t.Fatalf("start: %v, %v", s.cfg, s.err)
	}
	write(t, path, fileWith("v2"))
	wantCommand(t, "polled", results, "v2")
	close(release)
	if s := next(t, "released", results); s.err != nil || len(s.cfg.Warnings) != 0 {
		t.Errorf("released: %v, %v, want no warning", s.cfg, s.err)
	}
}

// TestWatchEnds returns when its context is done, and when its reader stops.
func TestWatchEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, fileWith("x"))
	for range Open(path).Watch(t.Context()) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range Open(path).Watch(ctx) {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("yielded %d times", n)
	}
}
