//go:build unix

package core

import (
	"errors"
	"syscall"
)

// isReadOnly reports whether err says that the file system cannot be written.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
