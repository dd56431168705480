//go:build !linux

package boltdb

import "os"

// dropCache does nothing on other systems. Production runs on Linux.
func dropCache(*os.File) error { return nil }

// willNeed does nothing on other systems.
func willNeed(*os.File, int64, int64) error { return nil }
