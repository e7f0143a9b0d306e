//go:build unix

package doctor

import (
	"os"
	"syscall"
)

// ownerOf returns the number of the user to whom a file belongs.
func ownerOf(info os.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
