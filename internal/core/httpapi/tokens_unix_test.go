//go:build unix

package httpapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenTokenFileIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), adminFile)
	token := strings.Repeat("k", minToken)
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		got, p := loadToken(path)
		info, err := os.Stat(path)
		if err != nil || got != token || p.Code != "MPT-TOKEN-OPEN" || info.Mode().Perm() != 0o600 {
			t.Errorf("%v: %+v, now %v", mode, p, info.Mode())
		}
		if _, p := loadToken(path); !p.IsZero() {
			t.Errorf("the second time: %+v", p)
		}
	}
}
