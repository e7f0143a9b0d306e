//go:build unix

package sessionbus

import (
	"net"
	"path/filepath"
	"testing"
)

func TestAddress(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if got := Address(); got != "" {
		t.Errorf("without a bus: %q", got)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket := "unix:path=" + dir + "/bus"
	for env, want := range map[string]string{"": socket, "autolaunch:": socket, "unix:path=/x": "unix:path=/x"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", env)
		if got := Address(); got != want {
			t.Errorf("with %q: %q, want %q", env, got, want)
		}
	}
}
