package activity

import "time"

// quarterSeconds is the length of a quarter hour.
const quarterSeconds = 15 * 60

// Quarter is a quarter hour in UTC. It counts from 1970-01-01T00:00Z, and is negative before.
type Quarter int64

// QuarterOf returns the quarter hour that t falls in.
func QuarterOf(t time.Time) Quarter { return Quarter(floorDiv(t.Unix(), quarterSeconds)) }

// Start returns the first instant of q, in UTC.
func (q Quarter) Start() time.Time { return time.Unix(q.unix(), 0).UTC() }

func (q Quarter) unix() int64 { return int64(q) * quarterSeconds }

// Span is a run of quarter hours: From is in it, To is not.
type Span struct{ From, To Quarter }

// floorDiv rounds towards minus infinity. That matters for times before 1970.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
