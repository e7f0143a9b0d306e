package core

import (
	"errors"
	"syscall"
)

// errWriteProtect is ERROR_WRITE_PROTECT of winerror.h.
const errWriteProtect = syscall.Errno(19)

// isReadOnly reports whether err says that the medium cannot be written.
func isReadOnly(err error) bool { return errors.Is(err, errWriteProtect) }
