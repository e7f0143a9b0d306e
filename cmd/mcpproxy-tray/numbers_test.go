//go:build linux

package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mcpproxy-tray/internal/tray/traytest"
)

// The numbers of docs/performance.md. The tests hold them to a generous multiple,
// because test machines are shared; "make numbers" prints what was measured.
var (
	kills     = flag.Int("kills", 8, "how many times to kill a server")
	idleTime  = flag.Duration("idle", 30*time.Second, "how long to watch the idle program")
	startings = flag.Int("starts", 5, "how many times to start the program")
)

// report prints one row of the table.
func report(t *testing.T, what, asked, measured string) {
	t.Helper()
	t.Logf("NUMBER | %s | %s | %s |", what, asked, measured)
}

func percentile(d []time.Duration, p float64) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, int(float64(len(d))*p))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// victims is how many servers a program has of which each is killed once: one that
// is killed again and again is in a crash loop.
const victims = 20

const demoEntry = `{"command": "mcpproxy-tray", "args": ["demo-server"]}`

// reactions are how long after a kill it was seen in the API and in the menu, and how
// long after it the server was connected again.
type reactions struct{ api, menu, back []time.Duration }

// killEach runs a program with so many servers and kills each of them once.
func (r *reactions) killEach(t *testing.T, servers int) {
	bus := traytest.Bus(t)
	bus.Host(t)
	home := t.TempDir()
	var entries []string
	for i := range servers {
		entries = append(entries, fmt.Sprintf(`"demo%02d": %s`, i, demoEntry))
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	prog := run(t, home, []string{bus.Env()})
	defer prog.stop()
	item := traytest.Attach(t, bus.Address).Item(t, "")
	for i := range servers {
		name := fmt.Sprintf("demo%02d", i)
		up := func(e traytest.Entry) bool { return connectedRow(e, name) }
		s := prog.waitState(name, "connected")
		item.WaitMenu(t, name+" connected", up)
		// The menu is drawn at most four times a second: the last change must be done with.
		drawn := time.Now()
		prog.wait("the menu to be at rest", func() bool { return time.Since(drawn) > time.Second/2 })
		killed := time.Now()
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		var inMenu time.Duration
		var reader sync.WaitGroup
		reader.Go(func() {
			item.WaitMenu(t, name+" down", func(e traytest.Entry) bool { return !up(e) })
			inMenu = time.Since(killed)
		})
		prog.wait("the server to be down", func() bool {
			now, _ := prog.server(name)
			return now.State != "connected" || now.PID != s.PID
		})
		r.api = append(r.api, time.Since(killed))
		prog.waitState(name, "connected")
		r.back = append(r.back, time.Since(killed))
		reader.Wait()
		r.menu = append(r.menu, inMenu)
	}
}

// TestKilledServerIsShownAtOnce kills stdio servers and looks at the API and at the
// menu, as its panel reads it.
func TestKilledServerIsShownAtOnce(t *testing.T) {
	var r reactions
	for left := *kills; left > 0; left -= victims {
		r.killEach(t, min(left, victims))
	}
	api, menu, back := r.api, r.menu, r.back
	apiP99, menuP99, backP99 := percentile(api, 0.99), percentile(menu, 0.99), percentile(back, 0.99)
	report(t, fmt.Sprintf("killed server shown down in `/api/v1/servers`, p99 of %d", len(api)), "≤ 50 ms", ms(apiP99)+", median "+ms(percentile(api, 0.5)))
	report(t, fmt.Sprintf("the same in the menu, p99 of %d", len(menu)), "≤ 50 ms", ms(menuP99)+", median "+ms(percentile(menu, 0.5)))
	report(t, "connected again after a kill, p99", "≤ 1 s + its own start", ms(backP99)+", median "+ms(percentile(back, 0.5)))
	if apiP99 > 250*time.Millisecond || menuP99 > 500*time.Millisecond || backP99 > 4*time.Second {
		t.Errorf("killed server: api %v, menu %v, connected again %v", apiP99, menuP99, backP99)
	}
}

func connectedRow(e traytest.Entry, name string) bool {
	for _, c := range e.Children {
		if c.Visible && strings.Contains(c.Label, name) {
			return strings.HasPrefix(c.Label, "●")
		}
	}
	return false
}

// TestStart measures how soon the icon is there and all servers are connected.
func TestStart(t *testing.T) {
	const servers = 8
	var entries []string
	for i := range servers {
		entries = append(entries, fmt.Sprintf(`"demo%d": %s`, i, demoEntry))
	}
	var icon, all, alone []time.Duration
	for range *startings {
		alone = append(alone, startAll(t, []string{entries[0]}, 1))
		all = append(all, startAll(t, entries, servers))
		icon = append(icon, startIcon(t, entries))
	}
	i, a, one := percentile(icon, 0.5), percentile(all, 0.5), percentile(alone, 0.5)
	report(t, "start to icon registered, median", "≤ 150 ms", ms(i))
	report(t, fmt.Sprintf("start to all %d servers connected, median; one alone", servers), "≤ one alone + 200 ms", ms(a)+"; "+ms(one))
	if i > 600*time.Millisecond || a > one+2*time.Second {
		t.Errorf("icon after %v; %d servers after %v, one alone after %v", i, servers, a, one)
	}
}

func startAll(t *testing.T, entries []string, n int) time.Duration {
	home := t.TempDir()
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	begin := time.Now()
	prog := run(t, home, nil, "serve")
	prog.wait("all servers to be connected", func() bool {
		_, body := prog.api("GET", "/api/v1/status", "")
		return strings.Contains(body, fmt.Sprintf(`"connected":%d`, n))
	})
	d := time.Since(begin)
	prog.stop()
	return d
}

func startIcon(t *testing.T, entries []string) time.Duration {
	bus := traytest.Bus(t)
	host := bus.Host(t)
	home := t.TempDir()
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	begin := time.Now()
	prog := launch(t, home, []string{bus.Env()})
	prog.wait("the icon", func() bool { return host.Registrations() > 0 })
	d := time.Since(begin)
	prog.waitUp()
	prog.stop()
	return d
}

// TestIdleCostsNothing watches the program with five connected servers and a tray.
func TestIdleCostsNothing(t *testing.T) {
	bus := traytest.Bus(t)
	bus.Host(t)
	home := t.TempDir()
	var entries []string
	for i := range 5 {
		entries = append(entries, fmt.Sprintf(`"demo%d": %s`, i, demoEntry))
	}
	writeConfig(t, home, strings.Join(entries, ","), `"quarantine": false,`)
	prog := run(t, home, []string{bus.Env()})
	for i := range 5 {
		prog.waitState(fmt.Sprintf("demo%d", i), "connected")
	}
	item := traytest.Attach(t, bus.Address).Item(t, "")
	item.WaitEntry(t, "demo4", "Disable")
	pid := prog.app
	atRest(t, pid)
	item.ResetSignals(t) // asks the program something, too
	// Of the connections that a client opens ahead, the program cuts the unused after 10 s.
	http.DefaultClient.CloseIdleConnections()
	atRest(t, pid)
	guard := prog.cmd.Process.Pid
	before, guardBefore := usage(t, pid), usage(t, guard)
	time.Sleep(*idleTime)
	after, guardAfter := usage(t, pid), usage(t, guard)
	seconds := idleTime.Seconds()
	cpu := after.cpu - before.cpu
	switches := float64(after.switches-before.switches) / seconds
	rss := after.rss >> 10
	signals := item.SignalCount(t)
	report(t, fmt.Sprintf("idle with 5 servers, CPU in %.0f s", seconds), "≤ 20 ms in 60 s", ms(cpu))
	report(t, "idle, voluntary context switches", "≤ 2/s", fmt.Sprintf("%.2f/s", switches))
	report(t, "idle, RSS of the app", "≤ 25 MB", fmt.Sprintf("%.1f MB", float64(rss)/1024))
	private := 0
	for _, field := range []string{"Private_Clean:", "Private_Dirty:"} {
		private += statusField(t, fmt.Sprintf("/proc/%d/smaps_rollup", guard), field)
	}
	guardSwitches := guardAfter.switches - guardBefore.switches
	report(t, "guard, private memory", "≤ 4 MB", fmt.Sprintf("%.1f MB", float64(private)/1024))
	report(t, fmt.Sprintf("guard, wake-ups in %.0f s", seconds), "0", strconv.Itoa(guardSwitches))
	// Go's own monitor thread wakes up once a minute.
	if most := 1 + int(seconds/60); private > 8<<10 || guardSwitches > most {
		t.Errorf("idle guard: %d KiB of its own, woke up %d times", private, guardSwitches)
	}
	report(t, "idle, D-Bus signals of the icon", "0", strconv.Itoa(signals))
	if limit := time.Duration(float64(40*time.Millisecond) * max(1, seconds/60)); cpu > limit {
		t.Errorf("%v of CPU in %v of idling", cpu, *idleTime)
	}
	if switches > 4 || rss > 40<<10 || signals != 0 {
		t.Errorf("idle: %.2f switches a second, %d KiB, %d signals", switches, rss, signals)
	}
}

// atRest waits until the program has slept for a second: until then it gives back
// the memory that starting and the test's many questions took.
func atRest(t *testing.T, pid int) {
	t.Helper()
	limit := time.Now().Add(2 * patience)
	for last := -1; ; {
		now := usage(t, pid).switches
		if now == last {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("the program did not come to rest within %v", 2*patience)
		}
		last = now
		time.Sleep(time.Second)
	}
}

type use struct {
	cpu      time.Duration // user and system, at the kernel's resolution of 10 ms unless schedstat is there
	switches int           // voluntary, of all threads
	rss      int           // bytes
}

// usage reads what a process and its threads have used so far.
func usage(t *testing.T, pid int) use {
	t.Helper()
	var u use
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d has no tasks: %v", pid, err)
	}
	for _, task := range tasks {
		if data, err := os.ReadFile(task + "/schedstat"); err == nil {
			ns, err := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			u.cpu += time.Duration(ns)
		}
		u.switches += statusField(t, task+"/status", "voluntary_ctxt_switches:")
	}
	if u.cpu == 0 {
		t.Fatal("this kernel does not tell the CPU time of threads (schedstat)")
	}
	u.rss = statusField(t, fmt.Sprintf("/proc/%d/status", pid), "VmRSS:") << 10
	return u
}

func statusField(t *testing.T, path, field string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", field, path)
	return 0
}
