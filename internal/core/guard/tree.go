package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrClosing means that the program ends and nothing starts any more.
var ErrClosing = errors.New("the program is ending")

// killTime is how long killed processes may take to vanish.
const killTime = time.Second

// A StuckError names processes that could not be killed: they wait for the
// system, or belong to another user by now.
type StuckError struct{ PIDs []int }

func (e *StuckError) Error() string {
	return fmt.Sprintf("not killable: %s", strings.Join(strings.Fields(strings.Trim(fmt.Sprint(e.PIDs), "[]")), ", "))
}

// A Tree is all that this program starts. Main hands it to the app.
type Tree struct {
	guard    int // pid, 0 without one
	restarts int
	run      uint32
	notes    *os.File // to the guard; nil without one
	since    uint64   // start of this process, in the system's unit

	// mu is held while a process starts: that is its purpose. What has not
	// started when Close returns never will.
	mu       sync.Mutex
	closed   bool
	data     uint32
	last     uint32
	children map[*os.Process]child
	apart    map[int]bool // sessions that are the user's, not ours
}

// New returns a Tree for a process without a guard, as in tests.
func New() *Tree {
	return &Tree{run: newRun(), since: ownStart(), children: map[*os.Process]child{}, apart: map[int]bool{}}
}

// Guard returns the guard's process id, 0 if there is none or it has died.
func (t *Tree) Guard() int {
	if t.guard == 0 || t.guard != os.Getppid() {
		return 0
	}
	return t.guard
}

// Restarts returns how often the guard has started the app again after a crash
// within the last minute.
func (t *Tree) Restarts() int { return t.restarts }

// Claim ends what an earlier run for the same data directory left and returns
// the processes it found. It must be called before the first Start, by whoever
// holds the directory's lock. It never ends what belongs to a run that lives.
func (t *Tree) Claim(dataDir string) ([]int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = dataID(dataDir)
	return t.claim(t.data)
}

// Start starts cmd as ours, in a process group of its own, or returns ErrClosing.
// Whoever starts a process must wait for it, and call Stop when it is not needed
// any more or has ended.
func (t *Tree) Start(cmd *exec.Cmd) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosing
	}
	m := newMark(t.data, t.run, t.number())
	cmd.Env = append(slices.DeleteFunc(cmd.Environ(), internal), Variable+"="+m.String())
	c, err := launch(cmd, m)
	if err != nil {
		return err
	}
	t.children[cmd.Process] = c
	return nil
}

// internal reports whether a variable is between guard, app and children only.
func internal(kv string) bool {
	return strings.HasPrefix(kv, Variable+"=") || strings.HasPrefix(kv, guardVariable+"=")
}

// number returns one that no living child has.
func (t *Tree) number() uint32 {
	used := func(n uint32) bool {
		for _, c := range t.children {
			if c.mark.number() == n {
				return true
			}
		}
		return false
	}
	for {
		t.last = (t.last + 1) & (1<<numberBits - 1)
		if t.last != 0 && !used(t.last) {
			return t.last
		}
	}
}

// StartApart starts a program that is the user's from then on, such as an editor:
// it gets a session of its own and is never ended by us.
func (t *Tree) StartApart(cmd *exec.Cmd) error {
	t.mu.Lock() // so that it cannot inherit the mark of a child that starts just now
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosing
	}
	cmd.Env = slices.DeleteFunc(cmd.Environ(), internal)
	if err := launchApart(cmd); err != nil {
		return err
	}
	t.apart[cmd.Process.Pid] = true
	t.note(noteApart, cmd.Process.Pid)
	return nil
}

// Close makes sure that nothing starts any more. It may be called more than once.
func (t *Tree) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// Stop ends a process that Start has started and all that descends from it, even
// if it has ended itself: it asks, gives them polite to end, and kills the rest. It
// returns a *StuckError for what is still there a second later. A second call for
// the same process does nothing.
func (t *Tree) Stop(p *os.Process, polite time.Duration) error {
	t.mu.Lock()
	c, ok := t.children[p]
	delete(t.children, p)
	t.mu.Unlock()
	if !ok {
		return nil
	}
	return t.stop(p, c, polite)
}

// KillAll closes the Tree and ends everything of ours that is left, as Stop does.
func (t *Tree) KillAll(polite time.Duration) error {
	t.Close()
	return t.killAll(polite)
}
