//go:build !linux

package boltdb

import "os"

// lock is bbolt's own on other systems; production runs on Linux.
func lock(*os.File, bool) bool { return true }
