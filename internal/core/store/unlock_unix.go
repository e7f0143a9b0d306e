//go:build unix

package store

import (
	"os"
	"syscall"
)

// unlock lets go of the file's lock. Closing is not enough: the mapping that
// bbolt leaves behind when it panics keeps the open file, and so the lock, alive.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
