package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// networkFS reports whether dir is on a file system that other machines change
// without telling this one. Numbers: linux/magic.h, except FUSE (fs/fuse).
func networkFS(dir string) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case 0x6969, // NFS
		0x517b, 0xff534d42, 0xfe534d42, // SMB, CIFS, SMB2
		0x01021997,             // 9P: shared folders of virtual machines, Windows drives in WSL
		0x65735546,             // FUSE: sshfs, rclone
		0x00c36400, 0x5346414f, // Ceph, AFS
		0x786f4256: // VirtualBox shared folders
		return true
	}
	return false
}

// mountedAlone reports whether the file at path is mounted by itself, as single
// files of a container are. Then it is another folder that learns of changes.
func mountedAlone(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	return err == nil && isMountPoint(string(table), real)
}

// isMountPoint looks for path in a table of mounts. proc(5), mountinfo: the
// fifth field is the "mount point: the pathname of the mount point relative to
// the process's root directory"; blanks and backslashes in it are octal.
func isMountPoint(table, path string) bool {
	path = strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`).Replace(path)
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == path {
			return true
		}
	}
	return false
}
