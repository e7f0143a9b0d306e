//go:build unix

package config

import (
	"errors"
	"os"
	"syscall"
)

// keepOwner gives file the owner of like, as far as this user may.
func keepOwner(file *os.File, like os.FileInfo) {
	if st, ok := like.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(st.Uid), int(st.Gid)) // not permitted: the content matters more than its owner
	}
}

func rename(from, to string) error { return os.Rename(from, to) }

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) { // file systems without it
		err = nil
	}
	return errors.Join(err, d.Close())
}
