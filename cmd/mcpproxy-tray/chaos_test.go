//go:build linux

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	deaths     = flag.Int("deaths", 20, "how many servers die with 100 calls in flight")
	chaosCalls = flag.Int("chaos-calls", 10_000, "calls of TestChaos")
	chaosSeed  = flag.Uint64("chaos-seed", 0, "of TestChaos and TestDeathInFlight; 0 takes a new one")
)

// inFlight is how many calls a server has when it dies.
const inFlight = 100

// deathPromise is how soon all of them are answered on a quiet machine; ten times that fails.
const deathPromise = 500 * time.Millisecond

// TestDeathInFlight ends a server in several ways while 100 calls wait for it. Each
// gets exactly one answer, and none was sent twice.
func TestDeathInFlight(t *testing.T) {
	seed := seedOr(*chaosSeed)
	dice := rand.New(rand.NewPCG(seed, 1))
	home := t.TempDir()
	book := filepath.Join(home, "ledger")
	writeConfig(t, home, evilEntry(t, "s", "", "-ledger", book), `"quarantine": false,`)
	p := run(t, home, nil, "serve", "--log-level", "error")
	callers := []*caller{newCaller(t, p, "old", false), newCaller(t, p, "new", true)}
	begin := time.Now()
	var all []time.Duration
	failures := 0
	dead := 0
	for round := range *deaths {
		s := p.steadyState("s", dead)
		answered := make(chan error, inFlight)
		var last atomic.Int64 // when, in nanoseconds since begin
		for i := range inFlight {
			go func() {
				id := fmt.Sprintf("%d-%d", round, i)
				a, err := callers[i%2].call(i, "s__sleep", fmt.Sprintf(`{"id":%q,"seconds":600}`, id))
				last.Store(int64(time.Since(begin)))
				if err == nil && (a.Error == nil || !strings.Contains(a.Error.Message, `"s"`) || !strings.Contains(a.Error.Message, "may or may not have run")) {
					err = fmt.Errorf("call %s: answer %+v %s", id, a.Error, a.Result)
				}
				answered <- err
			}()
		}
		p.wait("all calls to have arrived", func() bool { return len(ledger(t, book)) == (round+1)*inFlight })
		died := time.Since(begin)
		how := dice.IntN(3)
		if how == 0 {
			_, _ = callers[0].call(inFlight, "s__misbehave", `{"script":"exit=3"}`) // there is no answer to this one
		} else if err := syscall.Kill(s.PID, []syscall.Signal{0, syscall.SIGKILL, syscall.SIGTERM}[how]); err != nil {
			t.Fatal(err)
		}
		for range inFlight {
			if err := <-answered; err != nil {
				failures++
				t.Errorf("round %d: %v", round, err)
			}
		}
		all, dead = append(all, time.Duration(last.Load())-died), s.PID
	}
	failures += doubles(t, ledger(t, book))
	worst, late := slices.Max(all), 0
	for _, d := range all {
		if d > deathPromise {
			late++
		}
	}
	if worst > 10*deathPromise {
		t.Errorf("the last of %d calls was answered %v after the server's death", inFlight, worst)
	}
	report(t, fmt.Sprintf("server dies with %d calls in flight: all answered, worst of %d", inFlight, *deaths), "≤ 500 ms", ms(worst))
	record(t, result{
		Promise: fmt.Sprintf("When a server dies with %d calls in flight, each gets exactly one answer within %v", inFlight, deathPromise),
		Did:     fmt.Sprintf("%d deaths (exit, SIGKILL, SIGTERM), calls of both protocol eras", *deaths),
		Seed:    seed, Count: *deaths * inFlight, Failures: failures + late, Took: time.Since(begin),
		Worst: ms(worst) + " until the last answer; median " + ms(percentile(all, 0.5)),
	})
}

// steadyState waits until a server is connected, not by the process that has died, and
// starts one that the program has given up, as a user would.
func (p *program) steadyState(name string, dead int) serverDoc {
	p.t.Helper()
	var s serverDoc
	p.wait(fmt.Sprintf("server %s to be connected", name), func() bool {
		s, _ = p.server(name)
		if s.State == "failed" || s.State == "backoff" {
			p.api("POST", "/api/v1/servers/"+name+"/restart", "")
		}
		return s.State == "connected" && (dead == 0 || s.PID != dead)
	})
	return s
}

// faulty are servers that do wrong at random.
var faulty = []struct{ name, script string }{
	{"good", ""},
	{"mortal", "exit=1@call~400;half@call~600;exit=KILL@call~600"},
	{"forgetful", "hang@call~300"},
	{"liar", "wrong-id@call~100;duplicate@call~20;stray=5@call~20;steal-id@call~20;text-id@call~100;error@call~20"},
	{"noisy", "garbage=banner@call~20;garbage=json@call~20;garbage=binary@call~20;churn=20;flood-stderr=1s@call~500"},
	{"huge", "huge=17M@call~1500;deep=2000@call~300;endless-line=17M@call~1500"},
}

// faultyRemote are the same over HTTP.
var faultyRemote = []struct{ name, script string }{
	{"cutter", "cut=30@call~50;reset@call~50;half@call~100"},
	{"amnesiac", "forget@call~150;status=503@call~100;page@call~100;status=429,Retry-After:1@call~300"},
	{"dripper", "drip=100us@call~50;as-events@call~2;stray=3@call~20;hang@call~300"},
}

// TestChaos makes calls from several clients to servers that fail at random. Each
// call has exactly one answer, its own, and arrived at most once.
func TestChaos(t *testing.T) {
	seed := seedOr(*chaosSeed)
	home := t.TempDir()
	book := filepath.Join(home, "ledger")
	common := []string{"-ledger", book, "-seed", fmt.Sprint(seed)}
	base := startWebEvil(t, append(common, "-modern=false")...)
	var entries, names []string
	for _, f := range faulty {
		entries, names = append(entries, evilEntry(t, f.name, f.script, common...)), append(names, f.name)
	}
	for _, f := range faultyRemote {
		entries, names = append(entries, remoteEvil(base, f.name, f.script)), append(names, f.name)
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false, "call_timeout": "2s",`)
	p := run(t, home, nil, "serve", "--log-level", "error")
	for _, name := range names {
		p.steadyState(name, 0)
	}
	c := &chaos{t: t, p: p, names: names, seed: seed}
	begin := time.Now()
	c.run(8, 4, *chaosCalls)
	took := time.Since(begin)
	arrived := ledger(t, book)
	double := doubles(t, arrived)
	if arrivedShare := float64(len(arrived)) / float64(*chaosCalls); arrivedShare < 0.5 || c.results.Load() == 0 || c.refused.Load() == 0 {
		t.Errorf("%.0f %% of the calls arrived, %d results, %d errors: this was no test", 100*arrivedShare, c.results.Load(), c.refused.Load())
	}
	for id := range c.confirmed(arrived) {
		t.Errorf("call %s has a result, but never arrived", id)
	}
	report(t, fmt.Sprintf("%d calls under random faults: without exactly one answer of their own; sent twice", *chaosCalls), "0; 0",
		fmt.Sprintf("%d; %d", c.lost.Load(), double))
	record(t, result{
		Promise: "Under random faults every call gets exactly one answer, its own, and is sent at most once",
		Did:     fmt.Sprintf("%d calls of 8 clients to %d failing servers", *chaosCalls, len(names)),
		Seed:    seed, Count: *chaosCalls, Failures: int(c.lost.Load()) + double, Took: took,
		Worst: fmt.Sprintf("%v for one answer (calls time out after 2 s)", time.Duration(c.slowest.Load()).Round(time.Millisecond)),
		Notes: fmt.Sprintf("%d arrived, %d results, %d errors, %d restarts by the harness", len(arrived), c.results.Load(), c.refused.Load(), c.restarts.Load()),
	})
}

// A chaos is the clients of TestChaos and what they saw.
type chaos struct {
	t     *testing.T
	p     *program
	names []string
	seed  uint64

	next                                      atomic.Int64
	lost, results, refused, restarts, slowest atomic.Int64
	mu                                        sync.Mutex // guards succeeded
	succeeded                                 []string   // ids of calls with results
}

func (c *chaos) run(clients, workers, calls int) {
	done := make(chan struct{})
	var doctor, all sync.WaitGroup
	doctor.Go(func() { c.heal(done) })
	for i := range clients {
		from := newCaller(c.t, c.p, fmt.Sprint("client", i), i%2 == 1)
		for w := range workers {
			dice := rand.New(rand.NewPCG(c.seed, uint64(i*workers+w)))
			all.Go(func() {
				for n := c.next.Add(1); n <= int64(calls) && c.lost.Load() < 20; n = c.next.Add(1) {
					c.one(from, int(n), c.names[dice.IntN(len(c.names))])
				}
			})
		}
	}
	all.Wait()
	close(done)
	doctor.Wait()
}

// one makes a call whose text says whose it is.
func (c *chaos) one(from *caller, n int, server string) {
	id := fmt.Sprintf("%s/%s/%d", from.name, server, n)
	began := time.Now()
	a, err := from.call(n, server+"__echo", fmt.Sprintf(`{"id":%q,"text":%q}`, id, id))
	for d := int64(time.Since(began)); ; {
		if old := c.slowest.Load(); d <= old || c.slowest.CompareAndSwap(old, d) {
			break
		}
	}
	switch {
	case err != nil:
		c.lost.Add(1)
		c.t.Error(err)
	case a.Error != nil:
		c.refused.Add(1)
		if a.notSent() {
			time.Sleep(5 * time.Millisecond) // a client that hammers only measures refusals
		}
	case a.text() == id:
		c.results.Add(1)
		c.mu.Lock()
		c.succeeded = append(c.succeeded, id)
		c.mu.Unlock()
	case strings.Contains(a.text(), "/"):
		c.lost.Add(1)
		c.t.Errorf("%s got the answer %q", id, a.text())
	default: // a server's nonsense, passed on
		c.refused.Add(1)
	}
}

// confirmed returns the calls with results that no server has noted.
func (c *chaos) confirmed(arrived map[string]int) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := map[string]bool{}
	for _, id := range c.succeeded {
		if arrived[id] == 0 {
			missing[id] = true
		}
	}
	return missing
}

// heal starts what the program has given up or waits for, as an impatient user would.
func (c *chaos) heal(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(100 * time.Millisecond): // no user is quicker
		}
		body, err := ask(c.p.home, "/api/v1/servers")
		var list struct{ Servers []serverDoc }
		if err != nil || json.Unmarshal([]byte(body), &list) != nil {
			continue
		}
		for _, s := range list.Servers {
			if s.State == "failed" || s.State == "backoff" {
				c.restarts.Add(1)
				c.p.api("POST", "/api/v1/servers/"+s.Name+"/restart", "")
			}
		}
	}
}
