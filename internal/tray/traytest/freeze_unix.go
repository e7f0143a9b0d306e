//go:build unix

package traytest

import (
	"syscall"
	"testing"
)

// Freeze stops the daemon where it is, connections and all, until the function that
// it returns is called or the test ends.
func (b *PrivateBus) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	b.mu.Lock()
	pid := b.pid
	b.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw = func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // it may have ended
	t.Cleanup(thaw)
	return thaw
}
