package outbox

import (
	"fmt"
	"time"
)

// HeldBack describes other programs' transactions that must end before the relay publishes. Until then nobody can tell
// whether the records that they hide were lost.
type HeldBack struct {
	Since  time.Time `json:"since" doc:"Since when the relay waits."`
	Text   string    `json:"text" doc:"What it waits for. For people."`
	Behind []Hidden  `json:"behind" doc:"The open transactions that it waits for."`
}

// describe says what is waited for.
func describe(behind []Hidden) string {
	first := behind[0]
	whose := "another program's"
	if first.Lineage != "" {
		whose = "that of the order service with lineage " + first.Lineage
	}
	text := fmt.Sprintf(
		"waits for the end of an open transaction, %s: partition %d from offset %d",
		whose,
		first.Partition,
		first.From,
	)
	if !first.Since.IsZero() {
		text += ", begun at " + first.Since.UTC().Format(time.RFC3339)
	}
	if more := len(behind) - 1; more > 0 {
		text += fmt.Sprintf(", and in %d more partitions", more)
	}
	return text
}

// held records what a scan waits for; an empty argument means that it goes on.
func (r *Relay) held(behind []Hidden) {
	last := r.outbox.held.Load()
	switch {
	case len(behind) == 0 && last == nil:
	case len(behind) == 0:
		r.outbox.held.Store(nil)
		r.outbox.setLink(LinkConnecting, nil)
		r.logger.Info().
			Dur("waited", r.outbox.config.Clock.Now().Sub(last.Since)).
			Msg("the open transactions have ended; publishing goes on")
	case last == nil:
		next := &HeldBack{Since: r.outbox.config.Clock.Now().UTC(), Text: describe(behind), Behind: behind}
		r.outbox.held.Store(next)
		r.outbox.setLink(LinkWaiting, nil)
		r.logger.Warn().
			Str("for", next.Text).
			Int("backlog", r.outbox.Backlog()).
			Msg("nothing is published: the relay waits for an open transaction that hides records")
	default:
		r.outbox.held.Store(&HeldBack{Since: last.Since, Text: describe(behind), Behind: behind})
	}
}

// HeldBackFor returns how long the relay has been waiting for other programs' transactions; 0 if it does not wait.
func (o *Outbox) HeldBackFor() time.Duration {
	held := o.held.Load()
	if held == nil {
		return 0
	}
	return max(o.config.Clock.Now().Sub(held.Since), 0)
}
