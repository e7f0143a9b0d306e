package guard

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// After a crash the app starts again, at most mostRestarts times within restartSpan.
const (
	mostRestarts = 4
	restartSpan  = time.Minute
)

// panicked is the exit code of a Go program that has crashed. It can also be an
// ordinary one; then the app has left a note.
const panicked = 2

// crashed reports whether the app has ended against its will.
func crashed(status syscall.WaitStatus, ended bool) bool {
	return status.Signaled() || status.ExitStatus() == panicked && !ended
}

// recent returns those of the restarts that still count.
func recent(restarts []time.Time, now time.Time) []time.Time {
	for len(restarts) > 0 && now.Sub(restarts[0]) >= restartSpan {
		restarts = restarts[1:]
	}
	return restarts
}

// again decides whether the app starts again.
func (k *keeper) again(status syscall.WaitStatus, ended bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked != nil || !crashed(status, ended) {
		return false
	}
	why := "exit code 2"
	if status.Signaled() {
		why = "signal: " + status.Signal().String()
	}
	k.restarts = recent(k.restarts, time.Now())
	if len(k.restarts) == mostRestarts {
		fmt.Fprintf(os.Stderr, "mcpproxy-tray: crashed (%s) for the %dth time in a minute; giving up\n", why, mostRestarts+1)
		return false
	}
	k.restarts = append(k.restarts, time.Now())
	fmt.Fprintf(os.Stderr, "mcpproxy-tray: crashed (%s); starting again\n", why)
	return true
}

// code is the guard's own exit code.
func (k *keeper) code(status syscall.WaitStatus) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if urged, ok := k.urged.(syscall.Signal); ok && status.Signaled() {
		return 128 + int(urged) // we have killed it ourselves
	}
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// passSignals hands signals to the app. The second one ends it at once.
func (k *keeper) passSignals(signals <-chan os.Signal) {
	for sig := range signals {
		k.pass(sig)
	}
}

func (k *keeper) pass(sig os.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.asked == nil:
		k.asked = sig
		time.AfterFunc(patience, func() { k.pass(syscall.SIGKILL) })
		if k.app != nil {
			_ = k.app.Signal(sig) // it may just have ended
		}
	case sig != syscall.SIGHUP: // a session's end sends SIGTERM and SIGHUP together
		k.urge(sig)
	}
}

// urge ends the app at once; the sweep ends the rest. Its caller holds mu.
func (k *keeper) urge(sig os.Signal) {
	if k.urged == nil {
		k.urged = sig
	}
	if k.app != nil {
		_ = k.app.Kill()
	}
}
