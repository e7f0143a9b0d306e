//go:build !linux

package doctor

// processEnviron returns nil: the environment of another process cannot be seen.
func processEnviron(int) []string { return nil }

// listener returns 0: nothing here tells who listens.
func listener(int) (pid int, name string) { return 0, "" }
