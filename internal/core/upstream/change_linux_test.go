package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"mcpproxy-tray/internal/core/config"
)

// A folder is a directory for the files of one test.
type folder struct {
	tb  testing.TB
	dir string
}

func newFolder(tb testing.TB) folder { return folder{tb, tb.TempDir()} }

func (f folder) at(name string) string { return filepath.Join(f.dir, name) }

func (f folder) must(err error) {
	f.tb.Helper()
	if err != nil {
		f.tb.Fatal(err)
	}
}

func (f folder) write(name, text string, mode os.FileMode) {
	f.tb.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.at(name)), 0o700))
	f.must(os.WriteFile(f.at(name), []byte(text), mode))
}

func (f folder) link(target, name string) {
	f.tb.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.at(name)), 0o700))
	f.must(os.Symlink(target, f.at(name)+".new"))
	f.must(os.Rename(f.at(name)+".new", f.at(name)))
}

// runs returns an entry that starts a command with only the folder's bin on its PATH.
func (f folder) runs(command string, args ...string) config.Server {
	return config.Server{Name: "x", Transport: "stdio", Command: command, Args: args, Cwd: f.dir,
		Env: map[string]string{"PATH": f.at("bin") + ":/usr/bin:/bin"}}
}

const ends = "#!/bin/sh\nexit 3\n"

// changes are failures with what heals them.
var changes = []struct {
	name, code string
	before     func(folder) config.Server
	change     func(folder)
}{
	{"a command appears", "MPT-CMD-NOT-FOUND",
		func(f folder) config.Server { f.must(os.Mkdir(f.at("bin"), 0o700)); return f.runs("mpt-x") },
		func(f folder) { f.write("bin/mpt-x", ends, 0o700) }},
	{"a folder of the PATH appears", "MPT-CMD-NOT-FOUND",
		func(f folder) config.Server {
			srv := f.runs("mpt-x")
			srv.Env["PATH"] = f.at("a/b/c")
			return srv
		},
		func(f folder) { f.write("a/b/c/mpt-x", ends, 0o700) }},
	{"a link to a folder of the PATH is turned", "MPT-CMD-NOT-FOUND",
		func(f folder) config.Server {
			f.write("v1/node", ends, 0o700)
			f.link("v1", "bin")
			return f.runs("mpt-x")
		},
		func(f folder) { f.write("v2/mpt-x", ends, 0o700); f.link("v2", "bin") }},
	{"a file named by its path appears", "MPT-CMD-NOT-FOUND",
		func(f folder) config.Server { return f.runs(f.at("deep/er/run.sh")) },
		func(f folder) { f.write("deep/er/run.sh", ends, 0o700) }},
	{"a file becomes executable", "MPT-CMD-NOT-EXECUTABLE",
		func(f folder) config.Server { f.write("run.sh", ends, 0o600); return f.runs("./run.sh") },
		func(f folder) { f.must(os.Chmod(f.at("run.sh"), 0o700)) }},
	{"an interpreter appears", "MPT-CMD-INTERPRETER",
		func(f folder) config.Server {
			f.write("run", "#!"+f.at("lang/bin/lang")+"\n", 0o700)
			return f.runs("./run")
		},
		func(f folder) { f.write("lang/bin/lang", ends, 0o700) }},
	{"a program is replaced", "MPT-CMD-ARCH",
		func(f folder) config.Server { f.write("run", "\x7fELF\x02\x01\x01", 0o700); return f.runs("./run") },
		func(f folder) { f.write("new", ends, 0o700); f.must(os.Rename(f.at("new"), f.at("run"))) }},
	{"the working directory appears", "MPT-CMD-CWD",
		func(f folder) config.Server { srv := f.runs("sh"); srv.Cwd = f.at("work"); return srv },
		func(f folder) { f.must(os.Mkdir(f.at("work"), 0o700)) }},
	{"a script is edited", "MPT-EXIT-EARLY",
		func(f folder) config.Server {
			f.write("server.sh", "exit 3\n", 0o600)
			return f.runs("sh", "server.sh")
		},
		func(f folder) { f.write("server.sh", "exit 4 \n", 0o600) }},
	{"a missing script appears", "MPT-EXIT-EARLY",
		func(f folder) config.Server { return f.runs("sh", "src/server.sh") },
		func(f folder) { f.write("src/server.sh", "exit 4\n", 0o600) }},
	{"settings are edited", "MPT-EXIT-EARLY",
		func(f folder) config.Server {
			f.write("my.json", "{", 0o600)
			return f.runs("sh", "-c", "exit 3", "--config="+f.at("my.json"))
		},
		func(f folder) { f.write("my.json", "{}", 0o600) }},
	{"what env searches appears", "MPT-CMD-INTERPRETER",
		func(f folder) config.Server {
			f.write("bin/mpt-x", "#!/usr/bin/env mpt-node\n", 0o700)
			return f.runs("mpt-x")
		},
		func(f folder) { f.write("bin/mpt-node", ends, 0o700) }},
	{"another program comes first on the PATH", "MPT-EXIT-EARLY",
		func(f folder) config.Server { return f.runs("false") },
		func(f folder) { f.write("bin/false", ends, 0o700) }},
	{"an update behind two links", "MPT-EXIT-EARLY",
		func(f folder) config.Server {
			f.write("lib/pkg/cli", ends, 0o700)
			f.link("../lib/pkg/cli", "bin/mpt-x")
			f.link(f.at("bin"), "current")
			return f.runs(f.at("current/mpt-x"))
		},
		func(f folder) { f.write("lib/pkg/cli", ends+"#\n", 0o700) }},
	{"a package's folder is replaced", "MPT-EXIT-EARLY",
		func(f folder) config.Server {
			f.write("lib/pkg/cli", ends, 0o700)
			f.link("../lib/pkg/cli", "bin/mpt-x")
			return f.runs("mpt-x")
		},
		func(f folder) {
			f.must(os.Rename(f.at("lib/pkg"), f.at("lib/.pkg-old")))
			f.write("lib/pkg/cli", ends+"#\n", 0o700)
		}},
}

// fail starts what cannot work and returns why.
func fail(tb testing.TB, c *Connector, srv config.Server, code string) error {
	tb.Helper()
	s, err := c.Connect(tb.Context(), srv)
	if err == nil {
		_ = s.Close()
		tb.Fatal("it works")
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Code() != code {
		tb.Fatalf("Connect = %v, want %s", err, code)
	}
	return err
}

// awaitChange calls AwaitChange and returns where its result comes, once it waits.
func awaitChange(tb testing.TB, c *Connector, srv config.Server, why error) <-chan error {
	tb.Helper()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(tb.Context())
	var wg sync.WaitGroup
	wg.Go(func() { done <- c.AwaitChange(ctx, srv, why) })
	tb.Cleanup(func() { cancel(); wg.Wait() })
	waitFor(tb, "AwaitChange to watch", func() bool { return c.watches() > 0 })
	if len(done) > 0 {
		tb.Fatal("AwaitChange returned before anything changed")
	}
	return done
}

func TestAwaitChange(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			f, c := newFolder(t), testConnector()
			srv := tt.before(f)
			done := awaitChange(t, c, srv, fail(t, c, srv, tt.code))
			changed := time.Now()
			tt.change(f)
			if err := await(t, done, "the change to be noticed"); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(changed); d > 5*time.Second {
				t.Errorf("noticed after %s", d)
			}
			if c.lookout != nil {
				t.Error("the watch is still open")
			}
		})
	}
}

// TestAnotherPath changes the PATH itself: what a shell's start-up file says, and
// at last where a program is that is there already.
func TestAnotherPath(t *testing.T) {
	f, c := newFolder(t), testConnector()
	f.write("tools/mpt-x", ends, 0o700)
	f.write(".profile", "/usr/bin", 0o600)
	c.Path = func(context.Context) string {
		text, _ := os.ReadFile(f.at(".profile"))
		return string(text)
	}
	c.PathFiles = func() []string { return []string{f.at(".profile")} }
	srv := config.Server{Name: "x", Transport: "stdio", Command: "mpt-x", Cwd: f.dir}
	done := awaitChange(t, c, srv, fail(t, c, srv, "MPT-CMD-NOT-FOUND"))
	f.write(".profile", f.at("tools")+":/usr/bin", 0o600)
	if err := await(t, done, "the change to be noticed"); err != nil {
		t.Fatal(err)
	}
	why := fail(t, c, srv, "MPT-EXIT-EARLY")
	f.write("first/mpt-x", ends, 0o700)
	done = awaitChange(t, c, srv, why)
	f.write(".profile", f.at("first")+":"+f.at("tools"), 0o600)
	if err := await(t, done, "the change to be noticed"); err != nil {
		t.Fatal(err)
	}
}

// TestChangeBeforeTheWait makes sure that a change between the attempt and the
// wait is not missed.
func TestChangeBeforeTheWait(t *testing.T) {
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			f, c := newFolder(t), testConnector()
			srv := tt.before(f)
			why := fail(t, c, srv, tt.code)
			tt.change(f)
			s, ok := c.suspect(t.Context(), srv, why)
			if !ok {
				t.Fatal("nothing is suspected")
			}
			if want := tt.name != "settings are edited"; s.changed() != want { // a server may write those itself
				t.Errorf("changed = %v, want %v", !want, want)
			}
		})
	}
}

func TestWhatDoesNotMatter(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		before     func(folder) config.Server
		change     func(folder)
	}{
		{"another command appears", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { return f.runs("mpt-x") },
			func(f folder) { f.write("bin/mpt-y", ends, 0o700) }},
		{"a folder of its name appears", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { return f.runs("mpt-x") },
			func(f folder) { f.write("bin/mpt-x/file", ends, 0o700) }},
		{"a script is edited while the command is missing", "MPT-CMD-NOT-FOUND",
			func(f folder) config.Server { f.write("x.sh", "", 0o600); return f.runs("mpt-x", "x.sh") },
			func(f folder) { f.write("x.sh", "exit\n", 0o600) }},
		{"a script is edited while the program is not executable", "MPT-CMD-NOT-EXECUTABLE",
			func(f folder) config.Server { f.write("run", ends, 0o600); return f.runs("./run", "x.sh") },
			func(f folder) { f.write("x.sh", "exit\n", 0o600) }},
		{"the server writes its data", "MPT-EXIT-EARLY",
			func(f folder) config.Server {
				f.write("notes.db", "", 0o600)
				return f.runs("sh", "-c", "exit 3", "notes.db")
			},
			func(f folder) { f.write("notes.db", "data", 0o600); f.write("log", "x", 0o600) }},
		{"a command comes later on the PATH", "MPT-EXIT-EARLY",
			func(f folder) config.Server {
				f.write("bin/mpt-x", ends, 0o700)
				srv := f.runs("mpt-x")
				srv.Env["PATH"] += ":" + f.at("later")
				return srv
			},
			func(f folder) { f.write("later/mpt-x", ends, 0o700) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, c := newFolder(t), testConnector()
			srv := tt.before(f)
			why := fail(t, c, srv, tt.code)
			tt.change(f)
			if s, ok := c.suspect(t.Context(), srv, why); !ok || s.changed() {
				t.Errorf("suspected %v, changed: want no change", ok)
			}
		})
	}
}

func TestAwaitChangeEndsWithItsContext(t *testing.T) {
	for _, srv := range []config.Server{
		{Name: "remote", URL: "https://example.com/mcp", Transport: "http"},
		{Name: "bad", Err: &config.Error{Text: "It is bad."}},
		{Name: "variable", Command: "${env:NO_SUCH_VARIABLE}", Transport: "stdio"},
		{Name: "missing", Command: "mpt-nosuch", Transport: "stdio"},
	} {
		t.Run(srv.Name, func(t *testing.T) {
			cause := errors.New("stopped by its user")
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			if err := testConnector().AwaitChange(ctx, srv, pNotFound.with("x")); !errors.Is(err, cause) {
				t.Errorf("AwaitChange = %v, want %v", err, cause)
			}
		})
	}
}

func TestAwaitChangeLooksWhereNothingCanBeWatched(t *testing.T) {
	f, c := newFolder(t), testConnector()
	var opened atomic.Int32
	c.pace = pace{poll: 10 * time.Millisecond, open: func() (*fsnotify.Watcher, error) {
		opened.Add(1)
		return nil, errors.New("too many open files")
	}}
	srv := f.runs("mpt-x")
	why := fail(t, c, srv, "MPT-CMD-NOT-FOUND")
	done := make(chan error, 1)
	go func() { done <- c.AwaitChange(t.Context(), srv, why) }()
	waitFor(t, "the attempt to watch", func() bool { return opened.Load() > 0 })
	f.write("bin/mpt-x", ends, 0o700)
	if err := await(t, done, "the change to be seen"); err != nil {
		t.Error(err)
	}
}

func TestBusyProgramIsTriedAgain(t *testing.T) {
	f, c := newFolder(t), testConnector()
	f.write("run", ends, 0o700)
	srv := f.runs("./run")
	writing, err := os.OpenFile(f.at("run"), os.O_WRONLY, 0)
	f.must(err)
	fail(t, c, srv, "MPT-CMD-NOT-NOW")
	writing.Close()
	fail(t, c, srv, "MPT-EXIT-EARLY")
}

// TestManyServersShareOneWatch: the system allows each user 128 watches.
func TestManyServersShareOneWatch(t *testing.T) {
	f, c := newFolder(t), testConnector()
	f.must(os.Mkdir(f.at("bin"), 0o700))
	var opened atomic.Int32
	c.pace.open = func() (*fsnotify.Watcher, error) { opened.Add(1); return openWatcher() }
	const servers = 300
	var done []<-chan error
	for i := range servers {
		srv := f.runs("mpt-" + fmt.Sprint(i))
		srv.Name = srv.Command
		done = append(done, awaitChange(t, c, srv, fail(t, c, srv, "MPT-CMD-NOT-FOUND")))
	}
	if n := c.watches(); n > 5 {
		t.Errorf("%d directories are watched for %d servers", n, servers)
	}
	for i := range servers {
		f.write("bin/mpt-"+fmt.Sprint(i), ends, 0o700)
	}
	for _, done := range done {
		if err := await(t, done, "a server's change"); err != nil {
			t.Fatal(err)
		}
	}
	if opened.Load() != 1 || c.watches() != 0 {
		t.Errorf("%d watches were opened, %d directories are left", opened.Load(), c.watches())
	}
}

func TestWhatIsNoticed(t *testing.T) {
	f, c := newFolder(t), testConnector()
	p := c.enterLookout(openWatcher)
	defer c.leaveLookout(p)
	if !p.watch([]string{f.at("x")}) {
		t.Fatal("nothing is watched")
	}
	for name, want := range map[string]int{"y": 0, "x.tmp": 0, "x": 1} {
		p.lookout.happened(fsnotify.Event{Name: f.at(name), Op: fsnotify.Create})
		if got := len(p.noticed); got != want {
			t.Errorf("%d changes of %s were noticed, want %d", got, name, want)
		}
		for len(p.noticed) > 0 {
			<-p.noticed
		}
	}
	p.lookout.notify.Errors <- fsnotify.ErrEventOverflow
	await(t, p.noticed, "the loss to be noticed")
}

// TestFileThatIsBeingWritten: a download must not be tried over and over.
func TestFileThatIsBeingWritten(t *testing.T) {
	f, c := newFolder(t), testConnector()
	f.write("run", "", 0o700)
	srv := f.runs("./run")
	why := fail(t, c, srv, "MPT-CMD-ARCH")
	f.write("run", "#", 0o700) // before the wait begins
	done := make(chan error, 1)
	go func() { done <- c.AwaitChange(t.Context(), srv, why) }()
	start := time.Now()
	for text := "#"; len(done) == 0; text += "#" {
		if time.Since(start) > 20*time.Second {
			t.Fatal("it waits for ever")
		}
		f.write("run", text, 0o700)
	}
	if d := time.Since(start); <-done != nil || d < time.Second {
		t.Errorf("tried again after %s of writing", d)
	}
}
