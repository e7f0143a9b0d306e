package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/guard"
	"mcpproxy-tray/internal/core/shellpath"
)

// An exam is one look at a patient: what several checks need is found out once.
// It is not changed after newExam.
type exam struct {
	Patient
	cfg  *config.Config // nil if err is set
	err  error
	uid  int                    // of the user; -1 where there is none
	path func() (string, error) // where commands are looked for, and why the login shell does not say it
}

func newExam(ctx context.Context, p Patient) *exam {
	x := &exam{Patient: p, uid: os.Getuid()}
	if x.Environ == nil {
		x.Environ = environ(p.PID)
	}
	if _, x.err = os.Stat(p.ConfigFile); errors.Is(x.err, fs.ErrNotExist) {
		x.cfg, x.err = config.Fallback(), nil // the first run writes one
	} else {
		x.cfg, x.err = config.Open(p.ConfigFile).Load()
	}
	x.path = sync.OnceValues(func() (string, error) {
		return shellpath.New(shellpath.Options{Processes: guard.New(), Environ: x.Environ}).Ask(ctx)
	})
	return x
}

// environ returns the environment of the running instance or, where none runs or it
// cannot be seen, our own without what says that we were started from a shell.
func environ(pid int) []string {
	if env := processEnviron(pid); pid > 0 && len(env) > 0 {
		return env
	}
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "SHLVL=") })
}

// variable returns a variable of the environment; the last one of a name counts.
func (x *exam) variable(name string) (string, bool) {
	for _, kv := range slices.Backward(x.Environ) {
		if n, value, ok := strings.Cut(kv, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}

// servers returns those that are to run and whose entries can be read.
func (x *exam) servers() []config.Server {
	if x.err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(x.cfg.Servers), func(s config.Server) bool { return s.Disabled || s.Err != nil })
}
