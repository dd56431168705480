// Package ack decides when the answer to a stored order leaves, and how durable the answer says that the order is.
//
// By then the order is on the disk and will be published whatever is answered. So an answer that refuses never undoes
// anything. The package does not store or publish.
package ack

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/outbox"
	"ordertally/shared/service/metric"
	"ordertally/shared/settings"
)

// Durability is where an order is known to be when it is answered.
type Durability string

// The durabilities.
const (
	Local Durability = "local" // on the disk of the service
	Kafka Durability = "kafka" // committed in Kafka as well
)

// Durabilities returns all durabilities.
func Durabilities() []Durability { return []Durability{Local, Kafka} }

// Fallback is what to do with an order that Kafka does not confirm.
type Fallback string

// What to do. Contract: these are values of the setting ack-else.
const (
	AnswerLocal   Fallback = "local"   // answer it as stored
	AnswerKeyless Fallback = "keyless" // answer it as stored if its request cannot be repeated, else refuse
	Refuse        Fallback = "refuse"
)

// Fallbacks returns all fallbacks.
func Fallbacks() []Fallback { return []Fallback{AnswerLocal, AnswerKeyless, Refuse} }

// Config configures Acks. The zero value is ready for use. All fields are settings.
type Config struct {
	// When an order is answered: local when it is on the disk, kafka when it is known to be committed in Kafka as well.
	// Then the loss of the disk does not lose it.
	Ack Durability `name:"ack" default:"local" enum:"local,kafka"`
	// With ack=kafka, what a request gets while Kafka is away or does not confirm the order in time: local answers it
	// all the same, refuse answers 503, keyless answers 503 if it has an idempotency key, or a source and a reference.
	Else Fallback `name:"ack-else" default:"local" enum:"local,keyless,refuse"`
	// How long to wait for Kafka to confirm an order.
	Wait time.Duration `name:"ack-wait" default:"1s" range:"10ms..30s"`
}

// Outbox waits for messages. *outbox.Outbox implements it.
type Outbox interface {
	// Await waits until a message is known to be published, or will not be soon.
	Await(ctx context.Context, slot uint64) outbox.Ack
}

// Acks decides for all answers. It is safe for concurrent use.
type Acks struct {
	config  Config
	outbox  Outbox
	left    map[Durability]prometheus.Counter
	refused prometheus.Counter
}

// New returns Acks of the messages in o. It registers order_acks_total{durability} and order_not_replicated_total.
func New(config Config, o Outbox, reg prometheus.Registerer) *Acks {
	settings.Fill(&config)
	left := metric.Counters(reg, "order_acks_total",
		"Placements and cancellations answered as stored, replays too, by where they were known to be.",
		"durability", Durabilities())
	byDurability := map[Durability]prometheus.Counter{}
	for _, d := range Durabilities() {
		byDurability[d] = left.WithLabelValues(string(d))
	}
	return &Acks{config: config, outbox: o, left: byDurability,
		refused: metric.Counter(reg, "order_not_replicated_total",
			"Placements and cancellations that were stored and answered 503 because Kafka did not confirm them."),
	}
}

// Answer is an answer that is about to leave.
type Answer struct {
	Slot      uint64 // of the message in the outbox
	Published bool   // the file says that the message is published
	// Stored is when the order was stored, if that was before now: the wait began then.
	Stored time.Time
	// Repeatable says that the request may be repeated: it has an idempotency key, or a source and a reference.
	Repeatable bool
	// Asked says that the request asks for Kafka, whatever the settings say. Then an order is refused otherwise.
	Asked bool
}

// Wait waits as the settings and the request say. It returns how durable the order is. The error is a *NotReplicated,
// or that of ctx.
func (a *Acks) Wait(ctx context.Context, answer Answer) (Durability, error) {
	durability := Local
	switch {
	case a.config.Ack == Kafka || answer.Asked:
		since := answer.Stored
		if since.IsZero() {
			since = time.Now()
		}
		waiting, cancel := context.WithDeadline(ctx, since.Add(a.config.Wait))
		found := a.outbox.Await(waiting, answer.Slot)
		cancel()
		switch {
		case found == outbox.Committed:
			durability = Kafka
		case ctx.Err() != nil:
			return "", ctx.Err()
		case a.refuses(answer):
			a.refused.Inc()
			return "", &NotReplicated{Why: found, Repeatable: answer.Repeatable}
		}
	case answer.Published:
		durability = Kafka
	}
	a.left[durability].Inc()
	return durability, nil
}

func (a *Acks) refuses(answer Answer) bool {
	return answer.Asked || a.config.Else == Refuse || a.config.Else == AnswerKeyless && answer.Repeatable
}

// Note describes the settings in one line.
func (a *Acks) Note() string {
	if a.config.Ack == Local {
		return "orders are answered when they are on the disk"
	}
	return fmt.Sprintf("orders are answered when they are committed in Kafka; after %s, or while Kafka is away: %s",
		a.config.Wait, a.config.Else)
}

// Acknowledgement is what the settings promise, for the report on the outbox.
type Acknowledgement struct {
	// When an order is answered: when it is on the disk (local), or committed in Kafka as well (kafka).
	Ack Durability `json:"ack"`
	// What a request gets while Kafka does not confirm its order. Left out with local.
	Else Fallback `json:"else,omitzero"`
	// How long to wait for Kafka. Left out with local.
	// Example: 1s
	Wait string `json:"wait,omitzero"`
}

// Acknowledgement returns what the settings promise.
func (a *Acks) Acknowledgement() Acknowledgement {
	if a.config.Ack == Local {
		return Acknowledgement{Ack: Local}
	}
	return Acknowledgement{a.config.Ack, a.config.Else, a.config.Wait.String()}
}

// NotReplicated says that an order is stored and will be published, and that Kafka has not confirmed it.
type NotReplicated struct {
	Why        outbox.Ack
	Repeatable bool
}

// RetryAfter is when a repeated request may be answered otherwise.
func (e *NotReplicated) RetryAfter() time.Duration {
	switch e.Why {
	case outbox.Away:
		return 5 * time.Second
	case outbox.Skipped:
		return 30 * time.Second
	}
	return time.Second
}

// Error tells the client why, and what to do.
func (e *NotReplicated) Error() string {
	why := "Kafka did not confirm it in time."
	switch e.Why {
	case outbox.Away:
		why = "Kafka cannot be reached."
	case outbox.Skipped:
		why = "Kafka refused its message, which is tried again or waits for an operator."
	}
	what := "The request has neither an Idempotency-Key nor a source and a reference: do not repeat it, a repeated " +
		"one " +
		"would be another request."
	if e.Repeatable {
		what = "It is safe to repeat the request as it was, with the same Idempotency-Key if it had one."
	}
	return "The request took effect and its message will be published, but it is not known to be in Kafka yet. " +
		why + " " + what
}
