package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/config"
)

func (o *options) level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(o.logLevel))
	return l, err
}

// dirs returns the program's directories.
func (o *options) dirs() (config.Dirs, error) {
	dirs, err := config.FindDirs()
	if err != nil {
		return config.Dirs{}, configFailure(err)
	}
	return dirs, nil
}

// configPath returns the configuration file that was asked for.
func (o *options) configPath() (string, error) {
	if o.config != "" {
		return o.config, nil
	}
	dirs, err := o.dirs()
	return dirs.ConfigFile(), err
}

// coreOptions returns what these options ask of the core.
func (o *options) coreOptions() (core.Options, error) {
	dirs, err := o.dirs()
	if err != nil {
		return core.Options{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return core.Options{}, fmt.Errorf("find own program file: %w", err)
	}
	return core.Options{Tree: o.tree, Dirs: dirs, ConfigFile: o.config, Listen: o.listen, Version: version, Self: self}, nil
}

// startFailure words why the program did not start.
func startFailure(err error) error {
	if e, ok := errors.AsType[explained](err); ok {
		p := e.Problem()
		return &failure{exitFailed, p.Text, p.Hint}
	}
	if e, ok := errors.AsType[*config.Error](err); ok {
		return &failure{exitFailed, e.Error(), e.Hint}
	}
	return err
}
