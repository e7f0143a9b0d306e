package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"mcpproxy-tray/internal/core/config"
)

// ErrNoInstance means that no instance runs for these directories.
var ErrNoInstance = errors.New("no instance is running")

// handover is how long a start waits for an instance that is just ending: its
// servers get 5.5 s to stop.
const handover = 10 * time.Second

// settle is how long an instance may take from taking its lock to listening,
// and a probe may hold the lock. Longer means that it hangs.
const settle = 3 * time.Second

// An Instance is what a running instance says of itself in instance.json,
// from the moment it listens until it ends.
type Instance struct {
	PID      int    `json:"pid"`                 // of the process that serves
	GuardPID int    `json:"guard_pid,omitempty"` // of the one that was started, and ends last; 0 without a guard
	URL      string `json:"url"`                 // e.g. "http://127.0.0.1:7420"
	Version  string `json:"version"`
	Config   string `json:"config"` // the configuration file, absolute
}

func (c *Core) instance() Instance {
	file, err := filepath.Abs(c.o.ConfigFile)
	if err != nil { // the working directory has gone
		file = c.o.ConfigFile
	}
	return Instance{PID: os.Getpid(), GuardPID: c.o.Tree.Guard(), URL: c.url, Version: c.o.Version, Config: file}
}

// errSilentInstance is a lock that somebody holds who does not answer.
var errSilentInstance = errors.New("another instance holds the data directory but does not say where it listens; end it and start again")

// An AlreadyRunningError means that another instance holds the data directory.
type AlreadyRunningError struct{ Instance Instance }

func (e *AlreadyRunningError) Error() string {
	return fmt.Sprintf("already running as process %d at %s", e.Instance.PID, e.Instance.URL)
}

// FindInstance returns the instance that runs for dirs, or ErrNoInstance. A file
// left by a crash does not count: the lock tells who lives. It waits a moment for
// an instance that is just starting.
func FindInstance(dirs config.Dirs) (Instance, error) {
	if _, err := os.Stat(lockPath(dirs)); err != nil {
		return Instance{}, ErrNoInstance
	}
	var inst Instance
	err := poll(context.Background(), settle, func() (bool, error) {
		lock := flock.New(lockPath(dirs))
		free, err := lock.TryRLock()
		if err != nil {
			return false, fmt.Errorf("look at the lock %s: %w", lockPath(dirs), err)
		}
		if free {
			return true, errors.Join(ErrNoInstance, lock.Close())
		}
		inst, err = readInstance(dirs)
		return err == nil, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return Instance{}, errSilentInstance
	}
	if errors.Is(err, ErrNoInstance) {
		return Instance{}, ErrNoInstance
	}
	return inst, err
}

// poll asks done every few milliseconds until it says so, fails, or limit is over.
func poll(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answers reports whether an instance serves. One that was killed holds its lock
// for a moment longer, until the system has taken it apart.
func answers(ctx context.Context, inst Instance) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, inst.URL+"/healthz", nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is this machine
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func lockPath(dirs config.Dirs) string { return filepath.Join(dirs.Data, "lock") }

func readInstance(dirs config.Dirs) (Instance, error) {
	data, err := os.ReadFile(dirs.Instance())
	if err != nil {
		return Instance{}, err
	}
	var inst Instance
	if err := json.Unmarshal(data, &inst); err != nil {
		return Instance{}, err
	}
	return inst, nil
}

// writeInstance replaces instance.json as a whole, so that a reader never sees half of it.
func writeInstance(dirs config.Dirs, inst Instance) error {
	data, err := json.Marshal(inst)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dirs.Data, ".instance-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), dirs.Instance())
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// takeLock makes this process the one instance of dirs. It returns an
// *AlreadyRunningError if there is one. Where the directory cannot be written
// there is no lock, and nothing that two instances could destroy.
func takeLock(ctx context.Context, dirs config.Dirs) (release func() error, err error) {
	lock := flock.New(lockPath(dirs), flock.SetPermissions(0o600))
	err = poll(ctx, handover, func() (bool, error) {
		got, err := lock.TryLock()
		if err != nil || got {
			return got, err
		}
		if inst, err := FindInstance(dirs); err == nil && answers(ctx, inst) {
			return false, &AlreadyRunningError{inst}
		}
		return false, nil // it is just starting, ending or dying, or somebody looks at the lock
	})
	if err == nil {
		// What a crashed instance left would point at nobody, or at a stranger.
		if err := os.Remove(dirs.Instance()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, lock.Close())
		}
		return lock.Close, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, errSilentInstance
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || isReadOnly(err) {
		return func() error { return nil }, nil
	}
	return nil, err
}
