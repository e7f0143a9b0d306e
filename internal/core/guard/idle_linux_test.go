package guard

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// mostPrivate is the promise for the memory of the guard alone. The race detector's
// own memory is not counted, so it is checked without.
const mostPrivate = 4 << 20

func TestIdleGuard(t *testing.T) {
	p := run(t, "serve")
	p.says(t, "ready")
	private := sum(t, p.Process.Pid, "smaps_rollup", "Private_Clean", "Private_Dirty") << 10
	before := wakeups(t, p.Process.Pid)
	time.Sleep(2 * time.Second) // idle is what is measured
	after := wakeups(t, p.Process.Pid)
	t.Logf("NUMBER guard: %d kB private, %d wake-ups in 2 s", private>>10, after-before)
	if after > before+1 { // Go's own monitor thread wakes up once a minute
		t.Errorf("the idle guard woke up %d times in 2 s", after-before)
	}
	if private > mostPrivate && !raceEnabled {
		t.Errorf("the guard uses %d bytes of its own, more than %d", private, mostPrivate)
	}
}

// wakeups counts how often any thread of a process went to sleep.
func wakeups(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks := numbers(fmt.Sprintf("/proc/%d/task", pid))
	if len(tasks) == 0 {
		t.Fatal("no tasks")
	}
	for _, task := range tasks {
		n += sum(t, pid, fmt.Sprintf("task/%d/status", task), "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
	}
	return n
}

// sum adds lines of a file below /proc/PID.
func sum(t *testing.T, pid int, file string, names ...string) (total int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		_, rest, ok := strings.Cut("\n"+string(text), "\n"+name+":")
		if !ok {
			t.Fatalf("no %s in %s", name, file)
		}
		var n int
		fmt.Sscan(rest, &n)
		total += n
	}
	return total
}
