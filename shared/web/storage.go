package web

import (
	"errors"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/web/problem"
)

// RetryAfter is the Retry-After of a 503 while the file takes no writes. A restart takes about as long.
const RetryAfter = 2 * time.Second

// storage has the answer to each error of a database file.
var storage = []struct {
	err    error
	kind   problem.Kind
	detail string
}{
	{boltdb.ErrFull, problem.KindDiskFull,
		"The service's disk is full. Nothing was stored; repeat the request later."},
	{boltdb.ErrReadOnly, problem.KindReadOnly, "The service's file system takes no writes. Nothing was stored, but " +
		"reads still work. Repeat the request later."},
	{boltdb.ErrOutcomeUnknown, problem.KindUnavailable,
		"The service cannot answer now. Check what is stored before you repeat a request that changes something."},
	{boltdb.ErrClosed, problem.KindUnavailable,
		"The service is stopping, and nothing was changed. Repeat the request later."},
	{boltdb.ErrDamaged, problem.KindUnavailable,
		"The service cannot answer now, and nothing was changed. Repeat the request later."},
	{boltdb.ErrCorrupt, problem.KindCorrupt, "A stored record that the answer needs is damaged. Repeating the " +
		"request does not help: the operator has to restore the file from a backup."},
}

// StorageProblem returns the answer to an error of the database file, and false for any other error.
func StorageProblem(err error) (p problem.Problem, known bool) {
	for i := range storage {
		if errors.Is(err, storage[i].err) {
			p = storage[i].kind.New(storage[i].detail)
			if p.Status == problem.KindUnavailable.Status {
				p.RetryAfter = RetryAfter
			}
			return p, true
		}
	}
	return problem.Problem{}, false
}
