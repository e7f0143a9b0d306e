package guard

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// A process is what the system says of one at one moment. Number and start
// together are never used twice.
type process struct {
	pid, parent, session int
	start                uint64 // clock ticks since the system started
	dead                 bool   // it only waits to be reaped
}

// look reads /proc/PID/stat, see proc_pid_stat(5).
func look(pid int) (process, bool) {
	var buf [1024]byte
	text := read(pid, "stat", buf[:])
	// The name is in parentheses and may hold anything, also parentheses.
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(f) < 20 {
		return process{}, false
	}
	p := process{pid: pid, parent: number(f[1]), session: number(f[3])}
	p.start, _ = strconv.ParseUint(string(f[19]), 10, 64)
	// One whose first thread has ended while others run looks like a zombie too.
	p.dead = (f[0][0] == 'Z' || f[0][0] == 'X') && number(f[17]) <= 1
	return p, true
}

func number(b []byte) int {
	n, _ := strconv.Atoi(string(b))
	return n
}

// read returns what fits into buf of a file below /proc/PID; nothing if the
// process has ended or is not ours to read.
func read(pid int, name string, buf []byte) []byte {
	fd, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/"+name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	size := 0
	for size < len(buf) {
		n, err := syscall.Read(fd, buf[size:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		size += n
	}
	return buf[:size]
}

// allProcesses returns all processes of the machine.
func allProcesses() map[int]process {
	all := map[int]process{}
	for _, pid := range numbers("/proc") {
		if p, ok := look(pid); ok {
			all[pid] = p
		}
	}
	return all
}

// numbers returns the entries of a directory that are numbers.
func numbers(dir string) []int {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // what was read before a failure counts
	var list []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// childrenOf returns what the system lists as children of a process. The list is
// exact only for one that stands still, so it adds to everything, and replaces nothing.
func childrenOf(pid int) []int {
	var list []int
	buf := make([]byte, 16<<10)
	for _, task := range numbers("/proc/" + strconv.Itoa(pid) + "/task") {
		for _, f := range bytes.Fields(read(pid, "task/"+strconv.Itoa(task)+"/children", buf)) {
			list = append(list, number(f))
		}
	}
	return list
}

// carried returns the mark a process has: by its limit, which it has from its first
// moment on, or else by its environment.
func carried(pid int, buf []byte) (mark, bool) {
	if _, rest, ok := bytes.Cut(read(pid, "limits", buf), []byte("Max file locks")); ok {
		if f := bytes.Fields(rest); len(f) > 0 {
			if m, ok := parseMark(string(f[0]), 10); ok {
				return m, true
			}
		}
	}
	value, _ := variable(pid, Variable, buf)
	return parseMark(value, 16)
}

// variable returns one of the environment a process was started with. In the
// middle of exec there is none, so who looks for it looks twice.
func variable(pid int, name string, buf []byte) (string, bool) {
	for kv := range bytes.SplitSeq(read(pid, "environ", buf), []byte{0}) {
		if value, ok := bytes.CutPrefix(kv, []byte(name+"=")); ok {
			return string(value), true
		}
	}
	return "", false
}

func ownStart() uint64 {
	p, _ := look(os.Getpid())
	return p.start
}

// limitLocks is RLIMIT_LOCKS of setrlimit(2).
const limitLocks = 10

// wear makes this process, and what it starts, carry m in its limit until undone.
func wear(m mark) (undo func()) {
	var old syscall.Rlimit
	if syscall.Getrlimit(limitLocks, &old) != nil || old.Max < uint64(m) {
		return func() {} // the environment alone must do
	}
	_ = syscall.Setrlimit(limitLocks, &syscall.Rlimit{Cur: uint64(m), Max: old.Max})
	return func() { _ = syscall.Setrlimit(limitLocks, &old) }
}
