package order

import (
	"errors"
	"time"
)

// ErrRepublishing says that another republication is under way. Nothing was done.
var ErrRepublishing = errors.New("another republication is under way")

// Republication says how far the messages of a range of orders were published once more.
type Republication struct {
	Orders   int `json:"orders"` // of which a message was sent
	Messages int `json:"messages"`
	Days     int `json:"days"` // in UTC, that these orders were placed on
	// First and Last are when the first and the last of these orders were placed.
	First   time.Time     `json:"first_placed_at,omitzero"`
	Last    time.Time     `json:"last_placed_at,omitzero"`
	Looked  int           `json:"looked_at"`          // orders of the file that were looked at, of any time
	Left    map[State]int `json:"left_out,omitempty"` // messages that were not sent because they are not published
	Refused []string      `json:"refused,omitempty"`  // orders whose messages Kafka refuses now, 100 at most
	Damaged []string      `json:"damaged,omitempty"`  // orders of which nothing was sent, 100 at most
}

// Whole reports whether all published messages of the range were sent.
func (r *Republication) Whole() bool { return len(r.Refused)+len(r.Damaged) == 0 }
