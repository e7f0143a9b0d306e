package guard

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	politeSweep = 100 * time.Millisecond // to end after SIGTERM, once nobody talks to them any more
	sweepTime   = 5 * time.Second        // until a sweep gives up
	patience    = 15 * time.Second       // for an app that was asked to end
	appNotes    = 3                      // file descriptor of the app's end of the pipe
)

// Main runs app under a guard and returns the exit code of the program, which must
// end with it at once. It must be called before anything else is started or opened:
// in the guard it never calls app. It returns after everything that app has started
// has ended.
func Main(app func(*Tree) int) int {
	survivePipes()
	if t, ok := join(); ok {
		return t.finish(app(t))
	}
	code, err := keep()
	if err == nil {
		return code
	}
	fmt.Fprintln(os.Stderr, "mcpproxy-tray: running without its guard: "+err.Error())
	t := New()
	return t.finish(app(t))
}

// join returns the Tree of an app that was started by a guard.
func join() (*Tree, bool) {
	in, ok := parseInvitation(os.Getenv(guardVariable))
	_ = os.Unsetenv(guardVariable)
	if !ok || in.guard != os.Getppid() {
		return nil, false // it is another's, handed down by accident
	}
	syscall.CloseOnExec(appNotes)
	t := New()
	t.guard, t.run, t.restarts = in.guard, in.run, in.restarts
	t.notes = os.NewFile(appNotes, "notes")
	return t, true
}

// A keeper is the guard.
type keeper struct {
	tree     bool // whether all that descends from this process comes from the app
	since    uint64
	spare    map[int]bool
	restarts []time.Time

	mu    sync.Mutex  // guards what follows
	app   *os.Process // nil while none runs
	asked os.Signal   // the first signal to end
	urged os.Signal   // the second: end at once
}

// keep runs the app until it ends for good. An error means that it never ran.
func keep() (code int, err error) {
	runtime.LockOSThread() // the app is told of the end of the thread that has started it
	runtime.GOMAXPROCS(1)
	k := &keeper{since: ownStart(), spare: map[int]bool{}}
	// "exec mcpproxy-tray" in a script can inherit the script's children. What they
	// orphan is not ours; then only marks count.
	k.tree = len(childrenOf(os.Getpid())) == 0
	if k.tree {
		const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
		_, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
		k.tree = e == 0
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, stopSignals()...)
	go k.passSignals(signals) // until the process ends
	for {
		run := newRun()
		notes, pid, err := k.start(run)
		if err != nil && len(k.restarts) > 0 {
			fmt.Fprintln(os.Stderr, "mcpproxy-tray: start again: "+err.Error())
			return 1, nil
		}
		if err != nil {
			return 0, err
		}
		status := k.await(pid)
		apart, ended := parseNotes(readNotes(notes))
		for _, session := range apart {
			k.spare[session] = true
		}
		k.sweep(run)
		if !k.again(status, ended) {
			return k.code(status), nil
		}
	}
}

// start starts the app and returns the guard's end of its notes.
func (k *keeper) start(run uint32) (notes, pid int, err error) {
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return 0, 0, err
	}
	theirs := os.NewFile(uintptr(pipe[1]), "notes")
	defer theirs.Close()
	self, err := os.Executable()
	if err != nil || !exists(self) {
		self = "/proc/self/exe" // the file was replaced
	}
	in := invitation{guard: os.Getpid(), run: run, restarts: len(k.restarts)}
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), guardVariable+"="+in.String()),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, theirs},
		// A group of its own: Ctrl-C then reaches the guard alone, which passes it on once.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true},
	})
	if err != nil {
		syscall.Close(pipe[0])
		return 0, 0, err
	}
	if k.app = p; k.asked != nil {
		_ = p.Signal(k.asked) // it came before there was anybody to pass it to
	}
	debug.FreeOSMemory()   // from here on it only waits
	debug.SetGCPercent(-1) // nor wakes up to collect nothing
	return pipe[0], p.Pid, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// await reaps whatever ends, until the app does.
func (k *keeper) await(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && err != syscall.EINTR {
			panic("guard: the app is not its child: " + err.Error())
		}
		if got == pid {
			k.mu.Lock()
			k.app = nil
			k.mu.Unlock()
			return status
		}
	}
}

func reapAll() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}

// sweep ends what the app has left.
func (k *keeper) sweep(run uint32) {
	debug.SetGCPercent(100)
	h := hunt{
		ours:  func(m mark) bool { return m.run() == run },
		since: k.since, spare: k.spare, reap: reapAll,
	}
	if k.tree {
		h.roots = []process{{pid: os.Getpid(), start: k.since}}
	}
	polite := politeSweep
	k.mu.Lock()
	if k.urged != nil {
		polite = 0
	}
	k.mu.Unlock()
	if err := h.end(polite, sweepTime); err != nil {
		fmt.Fprintln(os.Stderr, "mcpproxy-tray: "+err.Error())
	}
}

// readNotes returns what is in the pipe and closes it.
func readNotes(fd int) string {
	defer syscall.Close(fd)
	var text strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := syscall.Read(fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return text.String()
		}
		text.Write(buf[:n])
	}
}
