package service

import (
	"errors"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
)

// MemoryConfig says how much memory the Go runtime uses. The runtime's own variables win over it: GOMEMLIMIT over
// Limit, GOGC over GCPercent.
type MemoryConfig struct {
	// Bytes of memory that the program's garbage stays below (GOMEMLIMIT); 0 is 70% of the container's limit, or no
	// limit without one.
	//
	// It leaves room for what Go does not count: the Kafka client.
	Limit int `name:"memory-limit" default:"0" range:"0, 33554432.." unit:"bytes"`
	// How much garbage gathers before it is collected, in percent of what is in use (GOGC).
	GCPercent int `name:"gc-percent" default:"400" range:"10..10000"`
}

// goShare is the part of a container's memory that the Go runtime may use. Outside of it are the Kafka client's buffers
// and the threads' stacks. The pages of the mapped file need no room: the kernel drops them.
const goShare = 0.7

// noLimit is more than any machine has. cgroup v1 knows no other way to say that there is no limit.
const noLimit = 1 << 60

// apply configures the runtime, and logs what it did. contained returns the container's limit.
func (c *MemoryConfig) apply(contained memlimit.Provider, logger zerolog.Logger) {
	from := "none"
	switch limit, err := memlimit.ApplyRatio(contained, goShare)(); {
	case os.Getenv("GOMEMLIMIT") != "":
		from = "GOMEMLIMIT"
	case c.Limit > 0:
		debug.SetMemoryLimit(int64(c.Limit))
		from = "memory-limit"
	case err == nil && limit < noLimit:
		debug.SetMemoryLimit(int64(limit))
		from = "container"
	case err != nil && !noContainer(err):
		logger.Warn().Err(err).Msg("the container's memory limit cannot be read: set memory-limit if there is one")
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(c.GCPercent)
	}
	logger.Info().Str("limit_from", from).Int64("limit_bytes", debug.SetMemoryLimit(-1)).Int("gc_percent", gcPercent()).
		Msg("memory")
}

// noContainer reports whether there is no limit.
func noContainer(err error) bool {
	return errors.Is(err, memlimit.ErrNoLimit) || errors.Is(err, memlimit.ErrNoCgroup) ||
		errors.Is(err, memlimit.ErrCgroupsNotSupported)
}

// gcPercent returns what the runtime uses.
func gcPercent() int {
	percent := debug.SetGCPercent(-1)
	debug.SetGCPercent(percent)
	return percent
}
