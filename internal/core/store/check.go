package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Check reads the whole database file as Open does, and changes nothing. It returns
// an *Error for what is wrong, and nil for a file that is not there yet.
func Check(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() { // the open of a FIFO would block
		err = fmt.Errorf("open %s: %w", info.Mode().Type(), syscall.EISDIR)
	}
	if err != nil {
		return explain(path, err)
	}
	db, err := openForReading(path, time.Now().Add(lockTimeout))
	if err != nil {
		return explain(path, err)
	}
	return explain(path, db.Close())
}
