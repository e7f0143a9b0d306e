package guard

import (
	"os/exec"
	"slices"
	"testing"
)

// TestOrphans finds what was started for a data directory and whose run has no app
// that lives, and leaves it alone.
func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	tree := New()
	if _, err := tree.Claim(dir); err != nil {
		t.Fatal(err)
	}
	if found := Orphans(dir); len(found) > 0 {
		t.Errorf("Orphans = %v before anything was started", found)
	}
	cmd := exec.Command("sleep", "600")
	if err := tree.Start(cmd); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first look has not ended it
		if found := Orphans(dir); !slices.Equal(found, []int{cmd.Process.Pid}) {
			t.Errorf("Orphans = %v, want %d", found, cmd.Process.Pid)
		}
	}
	if found := Orphans(t.TempDir()); len(found) > 0 {
		t.Errorf("Orphans = %v of another directory", found)
	}
	if err := tree.Stop(cmd.Process, 0); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if found := Orphans(dir); len(found) > 0 {
		t.Errorf("Orphans = %v after it ended", found)
	}
}
