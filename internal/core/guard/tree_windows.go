package guard

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Main puts this process into a job object that ends all its members when the
// process ends, in whatever way, and runs app. What it returns is the exit code.
func Main(app func(*Tree) int) int {
	// Programs opened for the user may break away from it.
	job, err := newJob(windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK)
	if err == nil {
		err = windows.AssignProcessToJobObject(job, windows.CurrentProcess())
	}
	if err != nil {
		os.Stderr.WriteString("mcpproxy-tray: running without a job object: " + err.Error() + "\n")
	}
	t := New()
	// The job is not closed: that would end this process before it returns its code.
	return t.finish(app(t))
}

// newJob returns a job object that ends its members when its last handle is
// closed.
func newJob(flags uint32) (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | flags
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		return 0, errors.Join(err, windows.CloseHandle(job))
	}
	return job, nil
}

// A child is a process that Start has started, in a job object of its own within
// the program's.
type child struct {
	mark mark
	job  windows.Handle // 0 if there is none
}

func ownStart() uint64 { return 0 }

// launch starts cmd and takes it into its job. What it starts before that, in its
// first microseconds, ends with the program only.
func launch(cmd *exec.Cmd, m mark) (child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
	}
	cmd.SysProcAttr.CreationFlags |= windows.CREATE_NEW_PROCESS_GROUP
	if err := cmd.Start(); err != nil {
		return child{}, err
	}
	c := child{mark: m}
	job, err := newJob(0)
	if err != nil {
		return c, nil // the program's job ends it
	}
	err = cmd.Process.WithHandle(func(h uintptr) {
		if windows.AssignProcessToJobObject(job, windows.Handle(h)) == nil {
			c.job = job
		}
	})
	if err != nil || c.job == 0 {
		windows.CloseHandle(job)
	}
	return c, nil
}

// launchApart starts a program outside of the job. Where a job around ours forbids
// that it starts inside.
func launchApart(cmd *exec.Cmd) error {
	again := *cmd
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_BREAKAWAY_FROM_JOB}
	err := cmd.Start()
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return err
	}
	*cmd = again
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true}
	return cmd.Start()
}

// stop ends a child's job. There is no polite signal for a process without a
// console; the end of its input was the polite part, and polite is how long it
// may still take.
func (t *Tree) stop(p *os.Process, c child, polite time.Duration) error {
	ended := func() bool { return hasEnded(p) }
	if c.job != 0 {
		ended = func() bool { return members(c.job) == 0 }
		defer windows.CloseHandle(c.job)
	}
	if waitUntil(ended, polite) {
		return nil
	}
	if c.job != 0 {
		_ = windows.TerminateJobObject(c.job, 1) // whether it worked is seen by what is left
	} else {
		_ = p.Kill()
	}
	if waitUntil(ended, killTime) {
		return nil
	}
	return &StuckError{[]int{p.Pid}}
}

// hasEnded reports whether a process has ended, or was even waited for.
func hasEnded(p *os.Process) bool {
	ended := true
	_ = p.WithHandle(func(h uintptr) {
		state, err := windows.WaitForSingleObject(windows.Handle(h), 0)
		ended = err != nil || state == windows.WAIT_OBJECT_0
	})
	return ended
}

// members returns how many processes run in a job.
func members(job windows.Handle) uint32 {
	var info struct {
		times                                      [4]int64
		faults, total, active, terminatedProcesses uint32
	}
	err := windows.QueryInformationJobObject(job, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	if err != nil {
		return 0
	}
	return info.active
}

// waitUntil asks done until it says so or limit is over.
func waitUntil(done func() bool, limit time.Duration) bool {
	const mostWait = 20 * time.Millisecond
	until := time.Now().Add(limit)
	for wait := time.Millisecond; !done(); wait = min(2*wait, mostWait) {
		if time.Now().After(until) {
			return false
		}
		time.Sleep(wait)
	}
	return true
}

func (t *Tree) killAll(polite time.Duration) error { return t.stopEach(polite) }

// claim finds nothing: the job object leaves nothing.
func (t *Tree) claim(uint32) ([]int, error) { return nil, nil }

// dieOf ends this process; the job object ends the rest.
func dieOf(os.Signal) {
	_ = windows.TerminateProcess(windows.CurrentProcess(), 1)
}

func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }
