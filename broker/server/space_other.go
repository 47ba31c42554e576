//go:build !(darwin || freebsd || linux)

package server

import "errors"

// space cannot tell on this system how full a file system is.
func space(string) (free, used uint64, err error) { return 0, 0, errors.ErrUnsupported }
