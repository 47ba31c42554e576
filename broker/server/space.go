//go:build darwin || freebsd || linux

package server

import "syscall"

// space tells how many bytes of a folder's file system are free for this process, and how many are used.
func space(path string) (free, used uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	block := uint64(st.Bsize)
	return uint64(st.Bavail) * block, (uint64(st.Blocks) - uint64(st.Bfree)) * block, nil
}
