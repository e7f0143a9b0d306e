//go:build !linux

package config

// networkFS is not known here: remote changes by other machines may be missed.
func networkFS(string) bool { return false }

// mountedAlone is not known here either.
func mountedAlone(string) bool { return false }
