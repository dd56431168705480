//go:build crash

// Package crashpoint names points in the program at which tests kill the process, to show that what is on disk is
// always enough. Without the build tag "crash" a point does nothing and costs nothing.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// plan is when to kill the process.
type plan struct {
	point string
	left  int           // passes of the point until then
	later time.Duration // how long after that pass; 0 kills at the point itself
}

var (
	mu    sync.Mutex
	armed = parse(os.Getenv("ORDERTALLY_CRASH"))
)

// Arm makes the process kill itself at a point:
//
//   - NAME:PASS kills it when point NAME is passed for the PASS-th time from now on.
//   - NAME:PASS:LATER kills it that much later (a Go duration) while it goes on, so during the call after the point.
//   - "" disarms.
//
// It replaces what was armed before. The environment variable ORDERTALLY_CRASH arms from the start.
func Arm(text string) {
	next := parse(text)
	mu.Lock()
	defer mu.Unlock()
	armed = next
}

func parse(text string) plan {
	if text == "" {
		return plan{}
	}
	fields := strings.Split(text, ":")
	p := plan{point: fields[0]}
	var errPass, errLater error
	if len(fields) > 1 {
		p.left, errPass = strconv.Atoi(fields[1])
	}
	if len(fields) > 2 {
		p.later, errLater = time.ParseDuration(fields[2])
	}
	if errPass != nil || errLater != nil || p.left < 1 || p.later < 0 || len(fields) > 3 {
		panic("crash point " + strconv.Quote(text) +
			": want NAME:PASS or NAME:PASS:LATER, such as outbox.after-publish:3 or boltdb.before-commit:1:500us")
	}
	return p
}

// Here marks the named point.
func Here(point string) {
	mu.Lock()
	defer mu.Unlock()
	if point != armed.point {
		return
	}
	if armed.left--; armed.left != 0 {
		return
	}
	if armed.later > 0 {
		time.AfterFunc(armed.later, kill)
		return
	}
	kill()
	select {} // nothing after the point may run before the signal arrives
}

func kill() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
