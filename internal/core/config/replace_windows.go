package config

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// keepOwner does nothing: a new file inherits the rights of its folder.
func keepOwner(*os.File, os.FileInfo) {}

// rename tries again for 2 s while another program has the file open: editors,
// indexers and virus scanners do for moments.
func rename(from, to string) error {
	const sharingViolation = syscall.Errno(32)
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := os.Rename(from, to)
		if err == nil || time.Now().After(deadline) ||
			!errors.Is(err, sharingViolation) && !errors.Is(err, syscall.ERROR_ACCESS_DENIED) {
			return err
		}
	}
}

// syncDir does nothing: Windows cannot flush a folder.
func syncDir(string) error { return nil }
