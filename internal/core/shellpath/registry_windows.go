package shellpath

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/windows/registry"
)

const (
	usual = `C:\Windows\system32;C:\Windows`
	keep  = 10 * time.Second // the registry is quick to ask, and nothing tells of changes
)

// Files returns none: the PATH is in the registry.
func (r *Resolver) Files() []string { return nil }

func sameVariable(a, b string) bool { return strings.EqualFold(a, b) }

func sameDir(a, b string) bool { return strings.EqualFold(a, b) }

// ask returns the PATH that a new session would have: the machine's, then the
// user's. Ours may be older.
func (r *Resolver) ask(context.Context) (string, error) {
	machine, err := value(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\Session Manager\Environment`)
	user, userErr := value(registry.CURRENT_USER, "Environment")
	if err != nil && userErr != nil {
		return "", errors.Join(err, userErr)
	}
	return machine + ";" + user, nil
}

func value(root registry.Key, path string) (string, error) {
	key, err := registry.OpenKey(root, path, registry.QUERY_VALUE)
	if err != nil {
		return "", err
	}
	defer key.Close()
	text, _, err := key.GetStringValue("Path")
	if err != nil {
		return "", err
	}
	return registry.ExpandString(text)
}
