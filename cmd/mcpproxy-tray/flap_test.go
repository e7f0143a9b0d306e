//go:build linux

package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	flapServers   = flag.Int("flap-servers", 1000, "servers over HTTP of TestFlapping")
	flapProcesses = flag.Int("flap-processes", 20, "servers with processes of TestFlapping")
	flapTime      = flag.Duration("flap", 20*time.Second, "how long they flap")
	halfOpen      = flag.Bool("half-open", false, "wait up to 45 s for a connection to a server that stays silent")
)

// quietTime is how long the program is given to come to rest.
const quietTime = 2 * time.Minute

// TestFlapping has a thousand servers go down and up at random. They are real sockets
// of one evilserver over HTTP, and some real processes that end at random. The program
// must cost little meanwhile, and nothing afterwards.
func TestFlapping(t *testing.T) {
	home := t.TempDir()
	seed := seedOr(*chaosSeed)
	base := startWebEvil(t, "-seed", fmt.Sprint(seed))
	still := evilEntry(t, "still", "")
	var entries []string
	for i := range *flapServers {
		entries = append(entries, remoteEvil(base, fmt.Sprint("web", i), "flap=10s"))
	}
	for i := range *flapProcesses {
		entries = append(entries, evilEntry(t, fmt.Sprint("process", i), "life=20s", "-seed", fmt.Sprint(seed+uint64(i))))
	}
	writeConfig(t, home, still, `"quarantine": false,`)
	p := run(t, home, []string{"GODEBUG=gctrace=1"}, "serve", "--log-level", "error")
	calm := func() footprint {
		writeConfig(t, home, still, `"quarantine": false,`)
		p.wait("only one server to be there", func() bool {
			body, err := ask(home, "/api/v1/status")
			return err == nil && strings.Contains(body, `"connected":1,`) && strings.Contains(body, `"backoff":0`) &&
				strings.Contains(body, `"connecting":0`) && strings.Contains(body, `"stopping":0`) && strings.Contains(body, `"failed":0`)
		})
		return p.settled(t)
	}
	storm := func(d time.Duration) (cpu time.Duration) {
		writeConfig(t, home, still+","+strings.Join(entries, ","), `"quarantine": false,`)
		p.wait("all servers to have been tried", func() bool {
			body, err := ask(home, "/api/v1/status")
			return err == nil && !strings.Contains(body, `"connecting":0`)
		})
		time.Sleep(min(d/8, 30*time.Second)) // the first start of all is not flapping
		before, began := usage(t, p.app).cpu, time.Now()
		time.Sleep(d) // it is the time that is tested
		return time.Duration(float64(usage(t, p.app).cpu-before) / time.Since(began).Seconds())
	}
	storm(*flapTime / 8) // what is kept for ever is made once
	before := calm()
	begin := time.Now()
	cpu := storm(*flapTime)
	took := time.Since(begin)
	after := calm()
	after.routines = p.routines()
	p.waitUp()
	p.waitState("still", "connected")
	before.routines = p.routines() // of a new life with the same server
	report(t, fmt.Sprintf("%d servers flap for %v, CPU of the app", *flapServers+*flapProcesses, *flapTime), "≤ 25 % of one core", fmt.Sprintf("%.1f %%", cpu.Seconds()*100))
	report(t, "files, goroutines, threads, heap before; after", "no growth", before.String()+"; "+after.String())
	if cpu > 500*time.Millisecond || after.files > before.files+2 || after.routines > before.routines+5 || after.heap > before.heap+1+before.heap/20 {
		t.Errorf("CPU %.1f %% of a core; before %v, after %v", cpu.Seconds()*100, before, after)
	}
	record(t, result{
		Promise: "1,000 flapping servers cost at most 25 % of a core, and leave no files, threads or memory behind",
		Did:     fmt.Sprintf("%d servers over HTTP (real sockets, one process) and %d real processes went down and up at random for %v", *flapServers, *flapProcesses, *flapTime),
		Seed:    seed, Count: 1, Failures: missed(t, cpu > 250*time.Millisecond || after.files > before.files || after.routines > before.routines+2 || after.heap > before.heap+before.heap/20),
		Took:  took,
		Worst: fmt.Sprintf("%.1f %% of a core; before: %v; after: %v", cpu.Seconds()*100, before, after),
	})
}

// A footprint is what a process holds.
type footprint struct {
	files, routines, threads int
	heap                     int // MB that are reachable; the runtime tells it no finer
}

func (f footprint) String() string {
	return fmt.Sprintf("%d files, %d goroutines, %d threads, %d MB heap", f.files, f.routines, f.threads, f.heap)
}

// settled returns the footprint, without goroutines, when no file is closed any more
// and the garbage was collected twice.
func (p *program) settled(t *testing.T) footprint {
	t.Helper()
	files := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.app))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	last := files()
	for same, until := 0, time.Now().Add(quietTime); same < 3 && time.Now().Before(until); time.Sleep(time.Second) {
		if now := files(); now == last {
			same++
		} else {
			last, same = now, 0
		}
	}
	collected := regexp.MustCompile(`(?m)^gc \d+ @.* \d+->\d+->(\d+) MB`)
	count := func() [][]string { return collected.FindAllStringSubmatch(p.output.String(), -1) }
	for before := len(count()); len(count()) < before+2; {
		for range 50 {
			p.api("GET", "/api/v1/servers", "") // makes garbage
		}
	}
	http.DefaultClient.CloseIdleConnections()
	all := count()
	heap, _ := strconv.Atoi(all[len(all)-1][1]) // digits
	return footprint{files: last, threads: statusField(t, fmt.Sprintf("/proc/%d/status", p.app), "Threads:"), heap: heap}
}

// routines ends the app in a way that makes it list its goroutines, and counts them.
// The guard starts it again.
func (p *program) routines() int {
	p.t.Helper()
	before := len(p.output.String())
	first := p.app
	if err := syscall.Kill(first, syscall.SIGQUIT); err != nil {
		p.t.Fatal(err)
	}
	p.wait("the app to be started again", func() bool {
		inst, ok := readInstanceFile(p.home)
		return ok && inst.PID != first
	})
	return strings.Count(p.output.String()[before:], "\ngoroutine ")
}

// A relay passes connections on to an address until it is told to misbehave.
type relay struct {
	to string
	l  net.Listener

	mu    sync.Mutex // guards all below
	conns []net.Conn
	deaf  bool // takes everything and passes nothing on
	gone  bool // resets what was accepted before l was closed
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{to: to, l: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			if r.gone {
				r.reset()
			}
			r.mu.Unlock()
			all.Go(func() { r.pass(in, out) })
			all.Go(func() { r.pass(out, in) })
		}
	})
	t.Cleanup(func() {
		r.cut()
		all.Wait()
	})
	return r
}

func (r *relay) pass(from, to net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		deaf := r.deaf
		r.mu.Unlock()
		if err != nil {
			return
		}
		if deaf {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// silence makes all connections half-open: they stay, and nothing passes.
func (r *relay) silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf = true
}

// cut resets all connections and takes no new ones.
func (r *relay) cut() {
	r.l.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	r.reset()
}

// reset ends all connections with a reset; the caller holds r.mu.
func (r *relay) reset() {
	for _, c := range r.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

// TestRemoteServerIsCut resets the connections to servers over HTTP; in its long form
// it also silences them, which only a sign of life finds.
func TestRemoteServerIsCut(t *testing.T) {
	base := startWebEvil(t)
	host := strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/mcp")
	home := t.TempDir()
	const servers = 10
	var relays []*relay
	var entries []string
	for i := range servers {
		r := newRelay(t, host)
		relays = append(relays, r)
		entries = append(entries, remoteEvil("http://"+r.l.Addr().String()+"/mcp", fmt.Sprint("r", i), ""))
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	p := run(t, home, nil, "serve", "--log-level", "error")
	var cut, silent []time.Duration
	begin := time.Now()
	for i, r := range relays {
		name := fmt.Sprint("r", i)
		p.waitState(name, "connected")
		at := time.Now()
		if *halfOpen && i >= servers-2 {
			r.silence()
			for until := at.Add(2 * time.Minute); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
				if s, _ := p.server(name); s.State != "connected" {
					break
				}
			}
			silent = append(silent, time.Since(at))
			continue
		}
		r.cut()
		p.wait(name+" to be down", func() bool { s, _ := p.server(name); return s.State != "connected" })
		cut = append(cut, time.Since(at))
	}
	worst, late := percentile(cut, 1), 0
	for _, d := range cut {
		if d > time.Second {
			late++
		}
	}
	report(t, fmt.Sprintf("connection to a remote server reset, shown down, worst of %d", len(cut)), "≤ 1 s", ms(worst))
	if worst > 5*time.Second {
		t.Errorf("a reset was seen after %v", worst)
	}
	said := ms(worst) + " after a reset"
	if *halfOpen {
		worst = percentile(silent, 1)
		report(t, "connection to a remote server half-open, shown down", "≤ 45 s", ms(worst))
		said += ", " + ms(worst) + " after it went silent"
		if worst > 45*time.Second {
			late++
		}
		if worst > 60*time.Second {
			t.Errorf("silence was seen after %v", worst)
		}
	}
	record(t, result{
		Promise: "A remote server whose connection is cut is shown down within 1 s (reset) or 45 s (half-open)",
		Did:     fmt.Sprintf("%d connections reset, %d silenced", len(cut), len(silent)),
		Count:   servers, Failures: max(late, missed(t, false)), Took: time.Since(begin), Worst: said,
	})
}
