// Package sessionbus says where the session bus of the user's desktop is, one answer for
// all that talk to it. It connects to nothing. It may be called concurrently.
package sessionbus

import "os"

// Address returns where the session bus is; empty if that is not said. A bus is never
// started: "autolaunch:" would make one that no panel is on.
func Address() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return a
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if fi, err := os.Stat(dir + "/bus"); err == nil && fi.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dir + "/bus"
		}
	}
	return ""
}
