//go:build crash

// Package crashpoint names the instructions at which tests kill the process, to show that what is on disk then is
// always enough. Without the build tag "crash" a point costs nothing and does nothing.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mu sync.Mutex
	// ORDERTALLY_CRASH=name:n kills the process the n-th time it passes the point of that name.
	name, countText, _ = strings.Cut(os.Getenv("ORDERTALLY_CRASH"), ":")
	left, _            = strconv.Atoi(countText)
)

// Here kills the process with SIGKILL when ORDERTALLY_CRASH=name:n names this point and it is passed the n-th time.
func Here(point string) {
	if point != name {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	if left--; left == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing after the point may run before the signal arrives
	}
}
