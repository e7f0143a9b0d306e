package config

import "syscall"

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
