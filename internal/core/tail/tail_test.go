package tail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write adds text to a file.
func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// open returns a log that is closed with the test.
func open(t *testing.T, path string, lines int) *Log {
	t.Helper()
	l := Open(path, lines)
	t.Cleanup(l.Close)
	return l
}

// read waits until the log has given all of want, in pieces or at once.
func read(t *testing.T, l *Log, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got string
	for got != want {
		text, err := l.Next(ctx)
		if err != nil {
			t.Fatalf("%v after %q, want %q", err, got, want)
		}
		if got += string(text); !strings.HasPrefix(want, got) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", maxBytes) + "\n"
	for _, c := range []struct {
		text  string
		lines int
		want  string
	}{
		{"", 3, ""},
		{"a\nb\nc\n", 0, ""},
		{"a\nb\nc\n", 1, "c\n"},
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc\n", 3, "a\nb\nc\n"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"},
		{"a\nb\nc", 1, "c"},
		{"a\nb\nc", 2, "b\nc"},
		{"\n\n\n", 2, "\n\n"},
		{"a", 1, "a"},
		{"first\n" + long + "a\nb\n", 3, "a\nb\n"}, // the long one begins before what is looked at
		{"first\n" + long + "a\n", 2, "a\n"},
		{strings.Repeat("x", maxBytes+5), 1, strings.Repeat("x", maxBytes)},
	} {
		path := filepath.Join(t.TempDir(), "a.log")
		write(t, path, c.text)
		got, err := open(t, path, c.lines).Rest()
		if err != nil || string(got) != c.want {
			t.Errorf("last %d of %.20q (%d): %.20q (%d), %v; want %.20q (%d)", c.lines, c.text, len(c.text), got, len(got), err, c.want, len(c.want))
		}
	}
	l := open(t, filepath.Join(t.TempDir(), "none.log"), 1)
	if _, err := l.Rest(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestFollow: what is added, what a file has got before a new one takes its place,
// and a file that is cut.
func TestFollow(t *testing.T) {
	for name, watcher := range map[string]func() (*fsnotify.Watcher, error){
		"reported": fsnotify.NewWatcher,
		"looked at": func() (*fsnotify.Watcher, error) {
			return nil, errors.New("no more watches")
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.log")
			l := open(t, path, 1)
			l.open = watcher
			write(t, path, "old\n")
			read(t, l, "old\n")
			write(t, path, "one\ntw")
			read(t, l, "one\ntw")
			write(t, path, "o\n")
			if !holds {
				read(t, l, "o\n")
			}
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
			write(t, path, "three\n")
			if holds {
				read(t, l, "o\nthree\n")
			} else {
				read(t, l, "three\n")
			}
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			write(t, path, "4\n")
			read(t, l, "4\n")
		})
	}
}

// TestFollowWaitsForTheFolder: a server that never wrote anything has no log yet.
func TestFollowWaitsForTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "a.log")
	l := open(t, path, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if text, err := l.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%q, %v", text, err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "now\n")
	read(t, l, "now\n")
}

// TestFollowReadsAllOfALongOne: more than is read at once, written while it reads.
func TestFollowReadsAllOfALongOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	l := open(t, path, 0)
	var want strings.Builder
	for i := range 5 {
		fmt.Fprintf(&want, "%d%s\n", i, strings.Repeat("y", maxBytes/2))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for part := range strings.Lines(want.String()) {
			write(t, path, part)
		}
	}()
	read(t, l, want.String())
	<-done
}

// TestFollowIsAsleep: where the system reports changes, the file is looked at when it
// changed and at no other time.
func TestFollowIsAsleep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	l := open(t, path, 0)
	write(t, path, "a\n")
	read(t, l, "a\n")
	if err := l.wait(t.Context()); err != nil || l.watch == nil { // subscribes
		t.Fatal(err, l.watch)
	}
	settle(t, l)
	if l.watch == nil {
		t.Error("nothing is reported any more")
	}
}

// TestFollowOverANewFolder: its folder is removed, or moved away, and made anew.
func TestFollowOverANewFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "a.log")
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "old\n")
	l := open(t, path, 1)
	read(t, l, "old\n")
	for i, away := range []func() error{
		func() error { return os.RemoveAll(dir) },
		func() error { return os.Rename(dir, dir+".old") },
		func() error { return os.RemoveAll(dir) },
	} {
		settle(t, l)
		l.release()
		if err := away(); err != nil {
			t.Fatal(i, err)
		}
		settle(t, l)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(i, err)
		}
		write(t, path, "new\n")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := l.wait(ctx)
		cancel()
		if err != nil {
			t.Fatalf("%d: nothing is reported of the new folder: %v", i, err)
		}
		read(t, l, "new\n")
	}
}

// settle waits until all that was reported is used up, or nothing is reported at all.
func settle(t *testing.T, l *Log) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*pace)
		err := l.wait(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) || l.watch == nil {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
