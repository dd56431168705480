//go:build !linux

package boltdb

import "os"

// dropCache has no counterpart on other systems; production runs on Linux.
func dropCache(*os.File) error { return nil }
