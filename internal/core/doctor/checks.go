package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/core/config"
)

// configuration finds what cannot be used in the file, with line and column.
func configuration(_ context.Context, p Patient) []Finding {
	cfg, err := load(p)
	if e, ok := errors.AsType[*config.Error](err); ok {
		return []Finding{{Text: e.Error(), Hint: e.Hint}}
	}
	if err != nil {
		return []Finding{{Text: "The configuration cannot be read.", Hint: "Make " + p.ConfigFile + " readable."}}
	}
	bad := append(cfg.Refused[:len(cfg.Refused):len(cfg.Refused)], cfg.Warnings...)
	for _, s := range cfg.Servers {
		if s.Err != nil {
			bad = append(bad, s.Err)
		}
	}
	var found []Finding
	for _, e := range bad {
		found = append(found, Finding{Text: e.Error(), Hint: e.Hint})
	}
	return found
}

// load reads the configuration; one that is not there yet is the first run's.
func load(p Patient) (*config.Config, error) {
	if _, err := os.Stat(p.ConfigFile); errors.Is(err, fs.ErrNotExist) {
		return config.Fallback(), nil
	}
	return config.Open(p.ConfigFile).Load()
}

// commands finds servers whose program is not in the PATH.
func commands(_ context.Context, p Patient) []Finding {
	cfg, err := load(p)
	if err != nil {
		return nil // configuration says it
	}
	var found []Finding
	for _, s := range cfg.Servers {
		if s.Disabled || s.Command == "" || strings.Contains(s.Command, "${") || inPath(s.Command, s.Cwd, p.Path) {
			continue
		}
		found = append(found, Finding{
			Text: fmt.Sprintf("The command %q of the server %q is not found.", s.Command, s.Name),
			Hint: "Install it, or write its whole path into the configuration.",
		})
	}
	return found
}

func inPath(command, cwd, path string) bool {
	if strings.ContainsRune(command, filepath.Separator) || strings.ContainsRune(command, '/') {
		if !filepath.IsAbs(command) {
			command = filepath.Join(cwd, command)
		}
		return runnable(command)
	}
	for _, dir := range filepath.SplitList(path) {
		if runnable(filepath.Join(dir, command)) {
			return true
		}
	}
	return false
}

func runnable(path string) bool {
	if runtime.GOOS == "windows" {
		for _, ext := range []string{"", ".exe", ".cmd", ".bat", ".com"} {
			if st, err := os.Stat(path + ext); err == nil && !st.IsDir() {
				return true
			}
		}
		return false
	}
	st, err := os.Stat(path)
	return err == nil && !st.IsDir() && st.Mode()&0o111 != 0
}

// port finds an address to listen on that another program has.
func port(ctx context.Context, p Patient) []Finding {
	cfg, err := load(p)
	if err != nil || p.Running != "" {
		return nil // the running instance has its address
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return []Finding{{
			Text: fmt.Sprintf("The address %s cannot be listened on; another program probably has it.", cfg.Listen),
			Hint: `End that program, or set another "listen" in the configuration.`,
		}}
	}
	_ = l.Close()
	return nil
}

// permissions finds files of ours that others can read.
func permissions(_ context.Context, p Patient) []Finding {
	if runtime.GOOS == "windows" {
		return nil // the user's profile is the user's alone
	}
	var found []Finding
	for _, path := range []string{p.Dirs.Data, p.Dirs.Token(), p.Dirs.AdminToken(), p.Dirs.Database()} {
		st, err := os.Stat(path)
		if err == nil && st.Mode().Perm()&0o077 != 0 {
			found = append(found, Finding{
				Text: fmt.Sprintf("Others can open %s (mode %04o).", path, st.Mode().Perm()),
				Hint: "Run: chmod go= '" + strings.ReplaceAll(path, "'", `'\''`) + "'",
			})
		}
	}
	return found
}

// crash finds what an instance left that did not end in order.
func crash(_ context.Context, p Patient) []Finding {
	if _, err := os.Stat(p.Dirs.Instance()); err != nil || p.Running != "" {
		return nil
	}
	return []Finding{{
		Text: "The last instance did not end in order.",
		Hint: "Start mcpproxy-tray again: it first ends what was left. The log " + p.Dirs.AppLog() + " may say why.",
	}}
}

// desktop finds a session bus without a tray or without notifications.
func desktop(ctx context.Context, _ Patient) []Finding {
	if runtime.GOOS != "linux" {
		return nil
	}
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil // no desktop, so nothing is missing
	}
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return []Finding{{Text: "The session bus does not answer, so there is no icon and no notification.",
			Hint: "Log in again, or start the program with dbus-run-session."}}
	}
	defer bus.Close()
	var found []Finding
	if !owned(ctx, bus, "org.kde.StatusNotifierWatcher") {
		found = append(found, Finding{Text: "No panel shows tray icons.",
			Hint: "On GNOME install the AppIndicator extension; elsewhere add a tray (status notifier) to the panel."})
	}
	if !owned(ctx, bus, "org.freedesktop.Notifications") {
		found = append(found, Finding{Text: "No program shows notifications.",
			Hint: "Install and start a notification daemon, such as dunst or mako."})
	}
	return found
}

// owned reports whether a name has an owner, or would get one when it is asked.
func owned(ctx context.Context, bus *dbus.Conn, name string) bool {
	for _, method := range []string{"ListNames", "ListActivatableNames"} {
		var names []string
		if bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus."+method, 0).Store(&names) != nil {
			return true // unknown is not missing
		}
		for _, n := range names {
			if n == name {
				return true
			}
		}
	}
	return false
}
