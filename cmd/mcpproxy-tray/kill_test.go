//go:build linux

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	strikes    = flag.Int("strikes", 300, "kills of TestKillLoop")
	side       = flag.Int("side", 6, "cycles of TestKillLoop that run side by side")
	strikeSeed = flag.Uint64("strike-seed", 0, "of TestKillLoop; 0 takes a new one")
)

// gonePromise is how long processes may be left after a kill, on a quiet machine. A
// slower cycle is reported, and fails at ten times that.
const gonePromise = time.Second

// doomed are the servers of each cycle.
var doomed = []struct{ name, script string }{
	{"normal", ""},
	{"stubborn", "ignore-term;ignore-eof"},
	{"launcher", "ignore-term;launcher;ignore-term;ignore-eof"},
	{"setsid", "child=setsid"},
	{"double", "child=double"},
	{"wiped", "child=wiped"},
}

// doomedProcesses is how many processes a cycle has when all servers are ready: app,
// guard, servers, and what launcher, setsid, double and wiped have started.
const doomedProcesses = 2 + 6 + 4

// A blow is one kill: of whom, and when.
type blow struct {
	victim string        // app, guard or both
	after  time.Duration // of the start; 0 when everything runs
}

func (b blow) String() string {
	if b.after > 0 {
		return fmt.Sprintf("%s %v after the start", b.victim, b.after)
	}
	return b.victim + " when ready"
}

// blows draws the kills: each victim a third of the time, half of them at start-up.
func blows(n int, seed uint64) []blow {
	r := rand.New(rand.NewPCG(seed, 0))
	all := make([]blow, n)
	for i := range all {
		all[i].victim = []string{"app", "guard", "both"}[i%3]
		if i/3%2 == 1 {
			all[i].after = 1 + time.Duration(r.Int64N(int64(250*time.Millisecond)))
		}
	}
	return all
}

// A killTally is what a kill loop has seen. Its methods may be called concurrently.
type killTally struct {
	mu      sync.Mutex // guards all below
	kills   map[string]int
	slowest map[string]time.Duration
	late    int
	failed  int
	seen    []sighting // before the kills
}

// TestKillLoop kills the app, the guard, or both at once, when all servers run or at a
// random instant of the start, and looks for anything that is left.
func TestKillLoop(t *testing.T) {
	seed := seedOr(*strikeSeed)
	sum := &killTally{kills: map[string]int{}, slowest: map[string]time.Duration{}}
	everybody := newWitness()
	programPath(t)
	evilPath(t)
	begin := time.Now()
	todo := make(chan blow)
	var workers sync.WaitGroup
	for range *side {
		workers.Go(func() {
			for b := range todo {
				if !t.Failed() {
					sum.cycle(t, everybody, b)
				}
			}
		})
	}
	for _, b := range blows(*strikes, seed) {
		todo <- b
	}
	close(todo)
	workers.Wait()
	left := everybody.look()
	for _, old := range sum.seen {
		if old.alive() && !slices.Contains(left, old) {
			left = append(left, old)
		}
	}
	for _, l := range left {
		t.Errorf("final look over the machine: %v", l)
		l.kill()
	}
	report(t, fmt.Sprintf("kill -9 in the middle of life (%d) or start-up, processes left after", *strikes), "0", fmt.Sprint(len(left)))
	var slowest time.Duration
	for _, d := range sum.slowest {
		slowest = max(slowest, d)
	}
	record(t, result{
		Promise: "No process is left 1 s after `kill -9` of the app, of the guard or of both (then: after the next start)",
		Did:     fmt.Sprintf("%d kills, %d servers each (normal, stubborn, launcher, setsid, double fork, wiped environment)", *strikes, len(doomed)),
		Seed:    seed, Count: *strikes, Failures: sum.failed + sum.late + len(left), Took: time.Since(begin),
		Worst: fmt.Sprintf("%v until nothing was left; %d later than %v", slowest.Round(time.Millisecond), sum.late, gonePromise),
		Notes: fmt.Sprintf("kills: %v; slowest: %v; %d processes seen before the kills", sum.kills, sum.slowest, len(sum.seen)),
	})
}

// cycle starts the program, strikes, and looks.
func (k *killTally) cycle(t *testing.T, everybody witness, b blow) {
	w := everybody.child()
	home := filepath.Join(t.TempDir(), w.token)
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Error(err)
		return
	}
	var entries []string
	for _, d := range doomed {
		entries = append(entries, evilEntry(t, d.name, d.script, "-token", w.token))
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	c := &cycle{t: t, blow: b, w: w, home: home}
	if !c.start() {
		return
	}
	defer c.clean()
	if !c.ready() {
		return
	}
	seen := w.look()
	if b.after == 0 && len(seen) < doomedProcesses {
		t.Errorf("%v: only %d processes before the kill, want %d: %v", b, len(seen), doomedProcesses, seen)
	}
	took, left := c.strike()
	for _, l := range left {
		t.Errorf("%v: %v later there is still %v", b, took, l)
	}
	k.add(b, seen, took, len(left))
}

func (k *killTally) add(b blow, seen []sighting, took time.Duration, left int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := b.victim
	if b.after > 0 {
		name += "/start"
	}
	k.kills[name]++
	k.slowest[name] = max(k.slowest[name], took.Round(time.Millisecond))
	k.seen = append(k.seen, seen...)
	if left > 0 {
		k.failed++
	} else if took > gonePromise {
		k.late++
	}
}

// A cycle is one start of the program and its violent end.
type cycle struct {
	*victim
	t    *testing.T
	blow blow
	w    witness
	home string
}

// start starts the program.
func (c *cycle) start() bool {
	v, err := startVictim(command(c.t, c.home, nil, "serve", "--config", filepath.Join(c.home, "config.json")))
	if err != nil {
		c.t.Error(err)
		return false
	}
	c.victim = v
	return true
}

// await polls, as it runs beside other cycles; it reports false after saying what went wrong.
func (c *cycle) await(what string, cond func() bool) bool {
	for until := time.Now().Add(3 * patience); !cond(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-c.ended:
			c.t.Errorf("%v: ended while waiting for %s:\n%s", c.blow, what, c.output)
			return false
		default:
		}
		if time.Now().After(until) {
			c.t.Errorf("%v: waited too long for %s:\n%s", c.blow, what, c.output)
			return false
		}
	}
	return true
}

// ready waits for the instant of the kill.
func (c *cycle) ready() bool {
	if c.blow.after > 0 {
		time.Sleep(c.blow.after) // the random instant is the point
		return true
	}
	return c.await("all servers to be connected", func() bool {
		status, err := ask(c.home, "/api/v1/status")
		return err == nil && strings.Contains(status, fmt.Sprintf(`"connected":%d`, len(doomed))) && len(c.w.look()) >= doomedProcesses
	})
}

// strike kills whom it should, having made sure who that is, and returns what is left
// of the life that was killed, and when the last of it went.
func (c *cycle) strike() (time.Duration, []sighting) {
	var app sighting
	if c.blow.victim != "guard" && !c.await("the app", func() (ok bool) { app, ok = c.app(c.w); return ok }) {
		return 0, nil
	}
	at := time.Now()
	if c.blow.victim != "app" && !c.guard.kill() {
		c.t.Errorf("%v: the guard was not there to be killed", c.blow)
	}
	// The app may end of its guard's death before its own.
	if c.blow.victim != "guard" && !app.kill() && c.blow.victim == "app" {
		c.t.Errorf("%v: the app was not there to be killed", c.blow)
	}
	if c.blow.victim != "app" {
		c.ends(-int(syscall.SIGKILL))
	}
	if c.blow.victim == "guard" {
		return c.w.gone(at, 10*gonePromise, nil)
	}
	writeConfig(c.t, c.home, "", `"quarantine": false,`) // the next life has no servers
	if c.blow.victim == "both" {
		at = time.Now()
		if !c.start() {
			return 0, nil
		}
	}
	took, left := c.w.gone(at, 10*gonePromise, func() []sighting {
		next, _ := c.app(c.w)
		return []sighting{c.guard, next}
	})
	c.await("the next life", func() bool {
		inst, ok := readInstanceFile(c.home)
		return ok && inst.PID != app.pid && inst.GuardPID == c.guard.pid
	})
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Error(err)
	}
	c.ends(0)
	_, still := c.w.gone(time.Now(), 10*gonePromise, nil)
	return took, append(left, still...)
}

func (c *cycle) ends(want int) {
	if code, ok := c.exit(3 * patience); !ok || code != want {
		c.t.Errorf("%v: exit code %d (ended: %v), want %d:\n%s", c.blow, code, ok, want, c.output)
	}
}

// clean leaves nothing for the next cycle, whatever went wrong.
func (c *cycle) clean() {
	for range 2 {
		for _, l := range c.w.look() {
			l.kill()
		}
	}
	<-c.ended
	_ = os.RemoveAll(c.home) // the directory above is the test's
}

// TestKillLoopCanFail is the control: the same servers as plain children are left
// when their parent is killed, and the witness sees them.
func TestKillLoopCanFail(t *testing.T) {
	w := newWitness()
	t.Cleanup(func() {
		for _, l := range w.look() {
			l.kill()
		}
	})
	cmd := exec.Command(evilPath(t), "-token", w.token, "-script", "launcher;ignore-eof;child=setsid")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	v, err := startVictim(cmd)
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(patience); len(w.look()) < 3 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	before := len(w.look())
	if !v.guard.kill() {
		t.Fatal("nobody was there to be killed")
	}
	<-v.ended
	if _, left := w.gone(time.Now(), gonePromise/4, nil); before != 3 || len(left) != 2 {
		t.Errorf("of %d processes %v are left; want 2 of 3, or the kill loop proves nothing", before, left)
	}
}
