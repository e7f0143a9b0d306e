package shellpath

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPathOfTheRegistry(t *testing.T) {
	ours := `C:\ours beyond`
	r := New(Options{Environ: []string{`Path=c:\WINDOWS\SYSTEM32;relative;` + ours + `;` + ours}})
	got := r.Path(t.Context())
	dirs := filepath.SplitList(got)
	system := filepath.Join(os.Getenv("SystemRoot"), "system32")
	n := 0
	for _, d := range dirs {
		if strings.EqualFold(d, system) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("PATH %q has %s %d times", got, system, n)
	}
	if dirs[len(dirs)-1] != ours || slices.Contains(dirs, "relative") || strings.Contains(got, "%") {
		t.Errorf("PATH = %q, want the machine's, expanded, and then %s", got, ours)
	}
}
