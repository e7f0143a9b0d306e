package guard

import (
	"flag"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	cycles = flag.Int("cycles", 60, "kills of TestKillLoop; the program as a whole has a longer loop of its own")
	seed   = flag.Uint64("seed", 0, "of TestKillLoop; 0 takes a new one")
	side   = flag.Int("side", 4, "cycles of TestKillLoop that run side by side")
)

// A cycle is one start of the program and its violent end.
type cycle struct {
	victim string        // app, guard or both
	after  time.Duration // of the start; 0 when everything runs
}

// A tally is what a kill loop has seen.
type tally struct {
	mu      sync.Mutex
	kills   map[string]int
	seen    []sighting // of all cycles, before the kill
	slowest map[string]time.Duration
	late    int // cycles that took longer than the promise
}

// promise is how long processes may be left on a quiet machine. A busy one is
// reported, not failed, until ten times that.
const promise = time.Second

// TestKillLoop kills the app, the guard, or both at once, when all servers run or at
// a random instant of the start, and then looks for anything that is left.
func TestKillLoop(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	sum := &tally{kills: map[string]int{}, slowest: map[string]time.Duration{}}
	plan := plan(*cycles, *seed)
	next := make(chan cycle)
	begin := time.Now()
	var workers sync.WaitGroup
	for range *side {
		workers.Go(func() {
			for c := range next {
				if !t.Failed() {
					sum.run(t, c)
				}
			}
		})
	}
	for _, c := range plan {
		next <- c
	}
	close(next)
	workers.Wait()
	sum.finalLook(t)
	t.Logf("NUMBER %d kills in %v, seed %d: %v; slowest %v, %d later than %v; %d processes had been seen before the kills",
		len(plan), time.Since(begin).Round(time.Millisecond), *seed, sum.kills, sum.slowest, sum.late, promise, len(sum.seen))
}

// plan draws the cycles: each victim a third of the time, half of them at start-up.
func plan(n int, seed uint64) []cycle {
	r := rand.New(rand.NewPCG(seed, 0))
	all := make([]cycle, n)
	for i := range all {
		all[i].victim = []string{"app", "guard", "both"}[i%3]
		if i/3%2 == 1 {
			all[i].after = 1 + time.Duration(r.Int64N(int64(60*time.Millisecond)))
		}
	}
	return all
}

func (s *tally) run(t *testing.T, c cycle) {
	p := prepare(t, newWitness(), t.TempDir(), "serve")
	p.mustStart(t)
	if c.after == 0 {
		p.says(t, "ready")
	} else {
		time.Sleep(c.after) // the random instant is the point
	}
	seen := p.w.look()
	killed, at := c.strike(t, p)
	code := p.ends(t)
	if killed["app"] && !killed["guard"] && code != restarted+1 {
		t.Errorf("%v: exit code %d: the app was not started again\n%s", c, code, p.err.String())
	}
	if killed["guard"] && code != -int(syscall.SIGKILL) {
		t.Errorf("%v: exit code %d: the guard was not killed", c, code)
	}
	if killed["app"] && killed["guard"] {
		again := prepare(t, p.w, p.data, "claim")
		at = time.Now()
		again.mustStart(t)
		if code := again.ends(t); code != 0 {
			t.Errorf("%v: the next start: exit code %d", c, code)
		}
	}
	_, left := p.w.gone(10 * promise)
	took := time.Since(at)
	for _, l := range left {
		t.Errorf("%v: left: %v", c, l)
	}
	s.add(c, seen, took)
}

func (s *tally) add(c cycle, seen []sighting, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := c.victim
	if c.after > 0 {
		name += "/start"
	}
	s.kills[name]++
	s.slowest[name] = max(s.slowest[name], took.Round(time.Millisecond))
	s.seen = append(s.seen, seen...)
	if took > promise {
		s.late++
	}
}

// strike kills the victims, having made sure who they are, and says whom it killed.
// A guard that has just begun has no app yet: then it waits for one.
func (c cycle) strike(t *testing.T, p *program) (killed map[string]bool, at time.Time) {
	killed = map[string]bool{}
	start, _ := startOf(p.Process.Pid)
	guard := sighting{pid: p.Process.Pid, start: start}
	var app sighting
	if c.victim != "guard" {
		waitFor(t, "the app", func() (ok bool) { app, ok = p.app(); return ok })
	}
	at = time.Now()
	if c.victim != "app" {
		killed["guard"] = guard.kill()
	}
	if c.victim != "guard" {
		killed["app"] = app.kill()
	}
	for who, ok := range killed {
		if !ok && !(who == "app" && killed["guard"]) { // it may have ended of the guard's death
			t.Errorf("%v: the %s was not there to be killed", c, who)
		}
	}
	return killed, at
}

// finalLook looks once more for everything that was ever seen, and by what all
// tokens have in common.
func (s *tally) finalLook(t *testing.T) {
	for _, old := range s.seen {
		if old.alive() {
			t.Errorf("final look: %v lives", old)
		}
	}
	if left := thisRun.look(); len(left) > 0 {
		t.Errorf("final look: %v", left)
	}
}

// TestKillLoopCanFail is the control: plain children without a guard are left, and
// the witness sees them.
func TestKillLoopCanFail(t *testing.T) {
	for i := range 5 {
		p := run(t, "bare")
		p.says(t, "ready")
		waitFor(t, "all servers", func() bool { return len(p.w.look()) >= 1+processes })
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.ends(t)
		took, left := p.w.gone(promise / 4)
		if len(left) == 0 {
			t.Errorf("cycle %d: no orphans after %v, so the kill loop proves nothing", i, took)
		}
		for _, l := range left {
			l.kill()
		}
	}
}
