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
	"time"
)

// plan is where to strike.
type plan struct {
	point string
	left  int           // passes until then
	later time.Duration // 0 strikes at the point itself
}

var (
	mu    sync.Mutex
	armed = parse(os.Getenv("ORDERTALLY_CRASH"))
)

// Arm has the process kill itself as text says, which is what the environment variable ORDERTALLY_CRASH can say from
// the start: NAME:PASS is the PASS-th time, from now on, that the point NAME is passed; NAME:PASS:LATER is that much
// later (a Go duration) while the process goes on, which is how a kill falls into the call that follows the point. It
// replaces what was armed before; "" disarms.
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
