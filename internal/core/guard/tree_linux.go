package guard

import (
	"maps"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A child is a process that Start has started.
type child struct {
	mark  mark
	pid   int // the library's own may be changed by whoever waits
	start uint64
}

// launch starts cmd while this process wears the mark, so that there is no moment
// at which the child runs without.
func launch(cmd *exec.Cmd, m mark) (child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = !cmd.SysProcAttr.Setsid
	undo := wear(m)
	defer undo()
	if err := cmd.Start(); err != nil {
		return child{}, err
	}
	p, _ := look(cmd.Process.Pid) // it is there: nobody has waited for it yet
	return child{mark: m, pid: cmd.Process.Pid, start: p.start}, nil
}

func launchApart(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

func (t *Tree) stop(_ *os.Process, c child, polite time.Duration) error {
	h := hunt{
		roots: []process{{pid: c.pid, start: c.start}},
		ours:  func(m mark) bool { return m == c.mark },
		since: c.start,
	}
	return h.end(polite, killTime)
}

// killAll ends what descends from this process or carries the mark of its run.
func (t *Tree) killAll(polite time.Duration) error {
	t.mu.Lock()
	h := hunt{
		roots: []process{{pid: os.Getpid(), start: t.since}},
		ours:  func(m mark) bool { return m.run() == t.run },
		since: t.since,
		spare: maps.Clone(t.apart),
	}
	t.mu.Unlock()
	return h.end(polite, killTime)
}

// claim ends what carries the mark of the data directory, but of no living run.
func (t *Tree) claim(data uint32) ([]int, error) {
	living := livingRuns()
	h := hunt{ours: func(m mark) bool {
		return m.data() == data && m.run() != t.run && !living[m.run()]
	}}
	found := h.find()
	if len(found) == 0 {
		time.Sleep(lookAgain)
		found = h.find()
	}
	if len(found) == 0 {
		return nil, nil
	}
	return pids(found), h.end(politeSweep, sweepTime)
}

// livingRuns returns the runs of all apps on this machine that are alive: an app
// is known by the variable with which its guard has started it.
func livingRuns() map[uint32]bool {
	runs := map[uint32]bool{}
	buf := make([]byte, environSize)
	for pid, p := range allProcesses() {
		if p.dead {
			continue
		}
		if value, ok := variable(pid, guardVariable, buf); ok {
			if in, ok := parseInvitation(value); ok {
				runs[in.run] = true
			}
		}
	}
	return runs
}
