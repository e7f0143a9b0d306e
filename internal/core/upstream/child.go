package upstream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// drainTime is how long output that a process left behind may take to be read
// once it has ended. A pipe holds 64 kB, so this is plenty; without it a
// grandchild that keeps the pipe open would hide the end of the server.
const drainTime = 25 * time.Millisecond

// exitGrace is how long after the end of its output a process may still be
// running before it counts as one that closed its output on purpose.
const exitGrace = 100 * time.Millisecond

// leftoverTime is how long what a server started may take to end after a polite
// signal once the server itself has ended.
const leftoverTime = 500 * time.Millisecond

// Processes starts and ends the servers' processes so that none is left behind,
// whatever happens to this program. Its methods may be called concurrently.
type Processes interface {
	// Start starts cmd, unless the program is ending. The caller waits for it.
	Start(cmd *exec.Cmd) error

	// Stop ends a process and all that descends from it, even if it has ended
	// itself: it asks, gives them polite to end, and kills the rest. An error names
	// what could not be ended.
	Stop(p *os.Process, polite time.Duration) error
}

// A child is a server's process with its pipes.
type child struct {
	procs  Processes
	cmd    *exec.Cmd
	wire   *wire
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	tail   tail
	log    io.Writer // what the server says that is not MCP; may be nil
	limits Timeouts

	writing chan struct{} // holds one token; whoever has it may write to stdin
	exited  chan struct{} // closed once the process was reaped
	exit    error         // of Wait; valid after exited
	gone    chan struct{} // closed once everything of the child has ended
	stop    error         // what could not be stopped; valid after gone

	logMu sync.Mutex // guards log
}

// killTime is how long a process, its pipes and what reads them may take to end once
// they are killed; settleTime is the same for those who write.
const (
	killTime   = 5 * time.Second
	settleTime = time.Second
)

// awaitEnd waits until everything of the child has ended, and returns what could
// not be ended. It returns in any case.
func (c *child) awaitEnd() error {
	t := time.NewTimer(c.limits.StopInput + c.limits.StopAsk + killTime)
	defer t.Stop()
	select {
	case <-c.gone:
		return c.stop
	case <-t.C:
		return pNotKillable.with(c.cmd.Process.Pid)
	}
}

// startChild starts the process and the goroutines that serve it. They end, and
// gone is closed, soon after the wire or the process has ended.
func startChild(procs Processes, cmd *exec.Cmd, w *wire, log io.Writer, limits Timeouts, maxBytes int) (*child, error) {
	c := &child{
		procs: procs, cmd: cmd, wire: w, log: log, limits: limits,
		writing: make(chan struct{}, 1), exited: make(chan struct{}), gone: make(chan struct{}),
	}
	w.carrier = c
	w.most, w.gone = maxWaitingChild, c.exited
	c.tail.secrets = w.secrets
	if err := c.start(); err != nil {
		return nil, err
	}
	go c.run(maxBytes) // ends with gone, which Session.Close awaits
	return c, nil
}

func (c *child) start() (err error) {
	var theirs [3]*os.File
	defer func() {
		closeAll(theirs[:]...)
		if err != nil {
			closeAll(c.stdin, c.stdout, c.stderr)
		}
	}()
	if theirs[0], c.stdin, err = os.Pipe(); err != nil {
		return err
	}
	if c.stdout, theirs[1], err = os.Pipe(); err != nil {
		return err
	}
	if c.stderr, theirs[2], err = os.Pipe(); err != nil {
		return err
	}
	if err = leaveSpare(theirs[2]); err != nil {
		return err
	}
	// Files, not the library's copying: Wait then returns when the process
	// ends, even if a grandchild keeps a pipe open.
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	return c.procs.Start(c.cmd)
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// run owns the process from start to end.
func (c *child) run(maxBytes int) {
	defer close(c.gone)
	var readers sync.WaitGroup
	var readErr error
	readDone, saidAll := make(chan struct{}), make(chan struct{})
	readers.Go(func() { readErr = c.readStdout(c.stdout, maxBytes); close(readDone) })
	readers.Go(func() { c.readStderr(); close(saidAll) })
	readers.Go(func() { c.exit = c.cmd.Wait(); close(c.exited) })

	select {
	case <-c.exited:
		c.drain(readDone, saidAll)
		c.wire.end(c.exitProblem())
	case <-readDone:
		c.wire.end(c.outputProblem(readErr, saidAll))
	case <-c.wire.life.Done():
	}
	c.stop = c.stopLadder()
	c.stdin.Close()
	if c.stop == nil {
		c.drain(readDone, saidAll)
		closeAll(c.stdout, c.stderr)
		readers.Wait()
	} else {
		closeAll(c.stdout, c.stderr)
	}
	closeLog(c.log)
}

// drain lets the readers take what the process left in its pipes, then ends them.
func (c *child) drain(done ...<-chan struct{}) {
	until := time.Now().Add(drainTime)
	_ = c.stdout.SetReadDeadline(until) // unsupported or closed: the timer below ends the wait
	_ = c.stderr.SetReadDeadline(until)
	t := time.NewTimer(2 * drainTime)
	defer t.Stop()
	for _, d := range done {
		select {
		case <-d:
		case <-t.C:
			return
		}
	}
}

func (c *child) exitProblem() error {
	entry := pExitEarly
	if c.wire.received.Load() > 0 {
		entry = pExit
	}
	return entry.with(describeExit(c.exit)).because(c.exit).add(c.tail.hint())
}

func exitCode(code int) string { return fmt.Sprintf("exit code %d", code) }

// outputProblem says why the output ended: mostly because the process did.
func (c *child) outputProblem(readErr error, saidAll <-chan struct{}) error {
	t := time.NewTimer(exitGrace)
	defer t.Stop()
	select {
	case <-c.exited:
		c.drain(saidAll) // its last words may explain it
		return c.exitProblem()
	case <-c.wire.life.Done():
		return c.wire.cause()
	case <-t.C:
	}
	if known, ok := errors.AsType[*Error](readErr); ok {
		return known
	}
	return pStdoutClosed.with().because(readErr).add(c.tail.hint())
}

// stopLadder ends the process and what it started: close its input, ask, kill.
func (c *child) stopLadder() error {
	c.closeStdin()
	polite := c.limits.StopAsk
	if c.awaitExit(c.limits.StopInput) {
		polite = min(polite, leftoverTime)
	}
	if err := c.procs.Stop(c.cmd.Process, polite); err != nil {
		return pNotKillable.with(c.cmd.Process.Pid).because(err)
	}
	return nil
}

// closeStdin tells the server that we are done. A writer that is stuck is
// made to give up first, because closing waits for it.
func (c *child) closeStdin() {
	_ = c.stdin.SetWriteDeadline(time.Unix(1, 0)) // unsupported: closing then does it
	c.stdin.Close()
}

func (c *child) awaitExit(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.exited:
		return true
	case <-t.C:
		return false
	}
}
