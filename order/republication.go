package order

import (
	"errors"
	"time"
)

// ErrRepublishing says that another republication is under way. Nothing was done.
var ErrRepublishing = errors.New("another republication is under way")

// Republication says how far the messages of a range of orders were published once more.
type Republication struct {
	Orders   int           `json:"orders" doc:"Orders of which a message was sent." example:"1200"`
	Messages int           `json:"messages" doc:"Messages that were sent." example:"1210"`
	Days     int           `json:"days" doc:"Days in UTC that these orders were placed on." example:"3"`
	First    time.Time     `json:"first_placed_at,omitzero" doc:"When the first of these orders was placed. Left out when there is none."`
	Last     time.Time     `json:"last_placed_at,omitzero" doc:"When the last of these orders was placed. Left out when there is none."`
	Looked   int           `json:"looked_at" doc:"Orders of the file that were looked at, of any time." example:"5000"`
	Left     map[State]int `json:"left_out,omitempty" doc:"Messages that were not sent because they are not published, by state."`
	Refused  []string      `json:"refused,omitempty" format:"uuid" doc:"Orders whose messages Kafka refuses now, 100 at most."`
	Damaged  []string      `json:"damaged,omitempty" format:"uuid" doc:"Orders whose records are damaged, 100 at most. Nothing of them was sent."`
}

// Whole reports whether all published messages of the range were sent.
func (r *Republication) Whole() bool { return len(r.Refused)+len(r.Damaged) == 0 }
