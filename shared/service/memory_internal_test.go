package service

import (
	"bytes"
	"errors"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
)

func TestMemory_IsThatOfTheContainerUnlessSet(t *testing.T) {
	container := memlimit.Limit(1 << 30)
	unlimited := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	for name, tc := range map[string]struct {
		config    MemoryConfig
		contained memlimit.Provider
		env       map[string]string
		limit     int64
		gc        int
		says, not string
	}{
		"in a container": {MemoryConfig{GCPercent: 400}, container, nil, 751619276, 400,
			`"limit_from":"container","limit_bytes":751619276,"gc_percent":400`, ""},
		"in a container without a limit": {MemoryConfig{GCPercent: 400}, unlimited, nil, math.MaxInt64, 400,
			`"limit_from":"none","limit_bytes":9223372036854775807,"gc_percent":400`, "container"},
		"in one without a limit, cgroup v1": {MemoryConfig{GCPercent: 400}, memlimit.Limit(math.MaxInt64 - 4095),
			nil, math.MaxInt64, 400, `"limit_from":"none"`, "container"},
		"in none": {MemoryConfig{GCPercent: 400}, func() (uint64, error) { return 0, memlimit.ErrNoCgroup }, nil,
			math.MaxInt64, 400, `"limit_from":"none","limit_bytes":9223372036854775807,"gc_percent":400`, "container"},
		"set": {MemoryConfig{Limit: 1 << 26, GCPercent: 50}, container, nil, 1 << 26, 50,
			`"limit_from":"memory-limit","limit_bytes":67108864,"gc_percent":50`, "warn"},
		"by the runtime's variables": {MemoryConfig{Limit: 1 << 26, GCPercent: 50}, container,
			map[string]string{"GOMEMLIMIT": "123MiB", "GOGC": "77"}, 123 << 20, 77,
			`"limit_from":"GOMEMLIMIT","limit_bytes":128974848,"gc_percent":77`, "warn"},
		"unreadable": {MemoryConfig{GCPercent: 400}, func() (uint64, error) { return 0, errors.New("no such file") },
			nil, math.MaxInt64, 400, `"level":"warn","error":"no such file"`, `from":"c`},
	} {
		t.Run(name, func(t *testing.T) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
			defer debug.SetGCPercent(debug.SetGCPercent(100))
			for variable, value := range tc.env { // the runtime reads them at its start only
				t.Setenv(variable, value)
				debug.SetMemoryLimit(123 << 20)
				debug.SetGCPercent(77)
			}
			var log bytes.Buffer
			tc.config.apply(tc.contained, zerolog.New(&log))
			if limit, gc := debug.SetMemoryLimit(-1), gcPercent(); limit != tc.limit || gc != tc.gc {
				t.Errorf("limit %d, percent %d, want %d and %d", limit, gc, tc.limit, tc.gc)
			}
			if text := log.String(); !strings.Contains(text, tc.says) || tc.not != "" &&
				strings.Contains(text, tc.not) {
				t.Error(text)
			}
		})
	}
}
