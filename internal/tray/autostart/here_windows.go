package autostart

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

func here(program string) (entry, string, error) {
	return runKey{"mcpproxy-tray"}, runValue(program), nil
}

const runPath = `Software\Microsoft\Windows\CurrentVersion\Run`

// A runKey is a value of the current user's Run key.
type runKey struct{ name string }

func (r runKey) String() string { return `the registry key HKCU\` + runPath }

func (r runKey) enabled() bool {
	key, err := registry.OpenKey(registry.CURRENT_USER, runPath, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	value, _, err := key.GetStringValue(r.name)
	return err == nil && value != ""
}

func (r runKey) write(content string) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runPath, registry.SET_VALUE)
	if err != nil {
		return err
	}
	return errors.Join(key.SetStringValue(r.name, content), key.Close())
}

func (r runKey) remove() error {
	key, err := registry.OpenKey(registry.CURRENT_USER, runPath, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.DeleteValue(r.name); !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	return nil
}
