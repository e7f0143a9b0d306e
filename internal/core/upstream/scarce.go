package upstream

import (
	"errors"
	"os"
	"syscall"
)

// scarce reports whether a start failed for want of something that comes back by
// itself and that no file tells of: the program is still being written, or there
// are no processes, memory or file descriptors left.
func scarce(err error) bool {
	for _, e := range []error{syscall.ETXTBSY, syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// spareFiles is how many file descriptors servers leave for clients, logs, the
// database and an orderly end: some 20 are in use before the first server starts.
const spareFiles = 40

// leaveSpare returns EMFILE if newest, which the system gave the lowest number that
// was free, shows that too few are left.
func leaveSpare(newest *os.File) error {
	limit := mostFiles()
	conn, err := newest.SyscallConn()
	if err != nil || limit == 0 {
		return err
	}
	var n uint64
	if err := conn.Control(func(fd uintptr) { n = uint64(fd) }); err != nil {
		return err
	}
	if n+spareFiles >= limit {
		return syscall.EMFILE
	}
	return nil
}
