package order

import (
	"math/big"
	"time"

	"ordertally/shared/event/setdigest"
	"ordertally/shared/uuidv7"
)

// DigestPage sums up some orders, in order of their ids. It is compared with what another service counted.
type DigestPage struct {
	Quarters    []DigestQuarter // published orders, by time
	Cancelled   []DigestQuarter // those whose cancellation is published, by the time of the cancellation
	Unpublished map[State]int   // all other orders, by state
	Next        uuidv7.ID       // the last order, to continue after; zero at the end
}

// DigestQuarter sums up the published orders that were placed, or cancelled, in one quarter hour of UTC.
type DigestQuarter struct {
	Starts  time.Time
	Count   int
	Revenue map[string]*big.Int // minor units by currency
	Digest  setdigest.Digest    // of the orders' ids
}
