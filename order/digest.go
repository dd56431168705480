package order

import (
	"math/big"
	"time"

	"ordertally/shared/event/setdigest"
	"ordertally/shared/uuidv7"
)

// DigestPage sums up some orders, in order of their ids, for the comparison with what another service counted.
type DigestPage struct {
	Quarters    []DigestQuarter // of the orders that are published, in order of time
	Unpublished map[State]int   // the others, by state
	Next        uuidv7.ID       // the last order, to go on after; zero at the end
}

// DigestQuarter sums up the published orders placed in a quarter hour of UTC.
type DigestQuarter struct {
	Starts  time.Time
	Count   int
	Revenue map[string]*big.Int // minor units by currency
	Digest  setdigest.Digest    // of the orders' ids
}
