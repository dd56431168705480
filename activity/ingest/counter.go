package ingest

import (
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"

	"ordertally/activity"
	"ordertally/shared/service/telemetry/tracing"
)

// counter is what an Ingest has for one of its activities.
type counter struct {
	def     *activity.Definition
	decoder *decoder
	logger  zerolog.Logger
}

func newCounter(def *activity.Definition, logger zerolog.Logger) counter {
	return counter{def, newDecoder(def), logger.With().Str("activity", def.Name).Logger()}
}

// report logs what should not be, once for a batch. Metrics and ledgers keep the rest.
func (c *counter) report(batch *activity.Batch, verdicts []activity.Verdict) {
	for _, of := range []struct {
		verdict activity.Verdict
		says    string
	}{
		{activity.VerdictCovered, "counted messages whose sequence number was already covered: another program " +
			"writes lineages and sequence numbers that are not its own; the line names the first message"},
		{activity.VerdictConflict, "kept messages whose id another message had: see `activity conflicts ls`; the " +
			"line names the first message"},
	} {
		found, first := 0, -1
		for i, verdict := range verdicts {
			if verdict == of.verdict {
				found++
				if first < 0 {
					first = i
				}
			}
		}
		if found > 0 {
			m := &batch.Messages[first]
			c.logger.Error().
				Int("messages", found).
				Int32("partition", m.Partition).
				Int64("offset", m.Offset).
				Str("id", m.ID).
				Str("lineage", m.Lineage).
				Uint64("sequence", m.Sequence).
				Msg(of.says)
		}
	}
	if n := len(batch.Parked); n > 0 {
		first := &batch.Parked[0]
		c.logger.Warn().Int("messages", n).Int32("partition", first.Partition).Int64("offset", first.Offset).
			Str("reason", string(first.Poison.Reason)).
			Msg("parked messages that cannot be counted; the line names the first")
	}
}

// trace makes the spans of a batch that was applied.
func (c *counter) trace(to *tracing.Tracing, batch *activity.Batch, verdicts []activity.Verdict, now time.Time) {
	if !to.On() {
		return
	}
	for i := range batch.Messages {
		m := &batch.Messages[i]
		to.Message(m.Trace, "count "+c.def.Name, batch.Read, now,
			attribute.String("messaging.system", "kafka"),
			attribute.String("messaging.destination.name", c.def.Topic),
			attribute.Int("messaging.destination.partition.id", int(m.Partition)),
			attribute.Int64("messaging.kafka.offset", m.Offset),
			attribute.Bool("ordertally.counted", verdicts[i].Counts()))
	}
}
