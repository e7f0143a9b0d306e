package guard

import (
	"os"
	"slices"
	"syscall"
	"time"
)

const (
	environSize = 256 << 10             // of the largest environment that is searched
	lookAgain   = 5 * time.Millisecond  // between two looks; longer than any exec takes to show an environment
	mostWait    = 20 * time.Millisecond // between two looks at processes that should end
)

// A hunt says which processes are to end.
type hunt struct {
	roots []process       // these, unless they are this process, and what descends from them
	ours  func(mark) bool // carriers of these marks, and what descends from them
	since uint64          // nothing that started before
	spare map[int]bool    // never a process of these sessions, or what descends from it
	reap  func()          // takes in the dead; may be nil
}

// end asks all to end, gives them polite, and then kills until two looks in a row
// find nothing. Processes that are still there after patience are a *StuckError.
func (h *hunt) end(polite, patience time.Duration) error {
	if polite > 0 {
		asked := h.find()
		for _, p := range asked {
			send(p, syscall.SIGTERM)
			send(p, syscall.SIGCONT) // one that was stopped cannot end otherwise
		}
		h.await(asked, polite)
	}
	var until time.Time // set by the first kill
	for quiet := 0; ; {
		left := h.find()
		if len(left) == 0 {
			if quiet++; quiet == 2 {
				return nil
			}
			time.Sleep(lookAgain)
			continue
		}
		quiet = 0
		if until.IsZero() {
			until = time.Now().Add(patience)
		} else if time.Now().After(until) {
			return &StuckError{pids(left)}
		}
		for _, p := range left {
			send(p, syscall.SIGKILL)
		}
		h.await(left, 5*mostWait)
	}
}

// await returns when all of them have ended, or after most.
func (h *hunt) await(list []process, most time.Duration) {
	until := time.Now().Add(most)
	for wait := time.Millisecond; ; wait = min(2*wait, mostWait) {
		if h.reap != nil {
			h.reap()
		}
		alive := false
		for _, p := range list {
			now, ok := look(p.pid)
			alive = alive || ok && now.start == p.start && !now.dead
		}
		if !alive || time.Now().After(until) {
			return
		}
		time.Sleep(wait)
	}
}

// send signals exactly this process. The handle is opened first and the start
// compared after, so it cannot mean a later owner of the same number.
func send(p process, sig syscall.Signal) {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return
	}
	defer handle.Release()
	if now, ok := look(p.pid); ok && now.start == p.start {
		_ = handle.Signal(sig) // it may just have ended, or be another user's: the next look tells
	}
}

func pids(list []process) []int {
	var all []int
	for _, p := range list {
		all = append(all, p.pid)
	}
	slices.Sort(all)
	return all
}

// find returns the living processes that are to end.
func (h *hunt) find() []process {
	survey := everything()
	all := survey.all
	children := map[int][]int{}
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p.pid)
	}
	seen := lineage(all)
	var list []process
	var add func(pid int)
	add = func(pid int) {
		p, ok := all[pid]
		if !ok {
			if p, ok = look(pid); !ok {
				return
			}
		}
		if seen[pid] || p.start < h.since || h.spare[p.session] {
			return
		}
		seen[pid] = true
		if !p.dead {
			list = append(list, p)
		}
		for _, c := range append(childrenOf(pid), children[pid]...) {
			add(c)
		}
	}
	for _, r := range h.roots {
		if p, ok := all[r.pid]; !ok || p.start != r.start {
			continue
		}
		if add(r.pid); r.pid == os.Getpid() {
			for _, c := range append(childrenOf(r.pid), children[r.pid]...) {
				add(c)
			}
		}
	}
	for pid, p := range all {
		if seen[pid] || p.dead || p.start < h.since {
			continue
		}
		if m := survey.mark(pid); m.valid() && h.ours(m) {
			add(pid)
		}
	}
	return list
}

// lineage returns this process and its ancestors, which are never to end.
func lineage(all map[int]process) map[int]bool {
	line := map[int]bool{}
	for pid := os.Getpid(); pid != 0 && !line[pid]; pid = all[pid].parent {
		line[pid] = true
	}
	return line
}
