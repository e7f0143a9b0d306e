package config

import "testing"

func TestMountPointOfOneFile(t *testing.T) {
	const table = `22 1 0:20 / / rw,relatime - overlay overlay rw
31 22 254:1 /home/me/mcp.json /root/.config/mcp\040proxy/config.json rw - ext4 /dev/vda rw
32 22 254:1 /x /odd\134name rw - ext4 /dev/vda rw
broken line
`
	for path, want := range map[string]bool{
		"/root/.config/mcp proxy/config.json": true,
		`/odd\name`:                           true,
		"/root/.config/mcp proxy":             false,
		"/home/me/mcp.json":                   false, // where it comes from, not where it is
		"":                                    false,
	} {
		if got := isMountPoint(table, path); got != want {
			t.Errorf("isMountPoint(%q) = %v, want %v", path, got, want)
		}
	}
	if !mountedAlone("/proc") || mountedAlone(t.TempDir()) || mountedAlone("/no/such/file") {
		t.Error("the mounts of this system are read wrongly")
	}
}
