//go:build unix

package upstream

import (
	"syscall"
	"testing"
)

func TestCloseEndsEverything(t *testing.T) {
	for _, mode := range []string{"sdk", "old", "stubborn", "stubborn+grandchild", "old+grandchild+flood"} {
		t.Run(mode, func(t *testing.T) {
			s, err := testConnector().Connect(t.Context(), childOf(mode))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if err := s.Wait(); err != nil {
				t.Errorf("Wait after Close: %v", err)
			}
			waitFor(t, "the group to be gone", func() bool { return !groupLeft(s.child.cmd.Process.Pid) })
		})
	}
}

// groupLeft reports whether anything of a process group still runs.
func groupLeft(group int) bool { return syscall.Kill(-group, 0) == nil }
