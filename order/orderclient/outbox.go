package orderclient

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// OutboxReport is an account of the service's outbox.
type OutboxReport struct {
	Lineage       string     `json:"lineage"`
	FirstSequence uint64     `json:"first_sequence"`
	TopicID       string     `json:"topic_id,omitempty"`
	PublishedUpTo uint64     `json:"published_up_to"`
	LastSequence  uint64     `json:"last_sequence"`
	Backlog       int        `json:"backlog"`
	Waiting       int        `json:"waiting"`
	Parked        int        `json:"parked"`
	HandedOver    int        `json:"handed_over"`
	Oldest        *time.Time `json:"oldest_unpublished_at,omitempty"`
	Repair        bool       `json:"repair"`
	Relay         Relay      `json:"relay"`
	HeldBack      *HeldBack  `json:"held_back,omitempty"`
	Incidents     []Incident `json:"incidents"`
}

// Relay is how the service stands with Kafka.
type Relay struct {
	State string    `json:"state"` // idle, connecting, waiting, up, down, fenced
	Since time.Time `json:"since"`
	Error string    `json:"error,omitempty"`
}

// HeldBack is what the service waits for before it publishes: others' open transactions.
type HeldBack struct {
	Since  time.Time `json:"since"`
	Text   string    `json:"text"`
	Behind []struct {
		Partition  int32      `json:"partition"`
		FromOffset int64      `json:"from_offset"`
		ToOffset   int64      `json:"to_offset"`
		Since      *time.Time `json:"since,omitempty"`
		Lineage    string     `json:"lineage,omitempty"`
	} `json:"behind"`
}

// Incident is what the service found amiss between its file and Kafka, and what it did.
type Incident struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Sequence uint64    `json:"sequence"`
	Messages int       `json:"messages"`
	Text     string    `json:"text"`
}

// Outbox returns an account of the service's outbox, with its newest incidents.
func (c *Client) Outbox(ctx context.Context) (OutboxReport, error) {
	var report OutboxReport
	answer, err := c.send(ctx, request{method: http.MethodGet, path: "/v1/outbox", want: http.StatusOK,
		repeatable: true})
	if err == nil {
		err = answer.decode(&report)
	}
	if err != nil {
		return OutboxReport{}, fmt.Errorf("ask for the outbox: %w", err)
	}
	return report, nil
}
