package ingest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

// moves remembers each time that reading went on elsewhere than at its position.
type moves struct {
	mu    sync.Mutex
	count int
	last  kafka.Reposition
	at    time.Time
}

func (m *moves) add(moved kafka.Reposition, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count, m.last, m.at = m.count+1, moved, at
}

func (m *moves) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count == 0 {
		return ""
	}
	return fmt.Sprintf("repositioned %d times since the start, last at %s: partition %d went on at offset %d instead "+
		"of %d, %s",
		m.count, m.at.UTC().Format(time.RFC3339), m.last.Partition, m.last.To, m.last.From, m.last.Reason)
}

// explanations say what a reposition means and what follows from it.
var explanations = map[kafka.Reason]string{
	kafka.Truncated: "Kafka lost the end of a partition: reading what is left of it again, nothing is counted twice",
	kafka.Recreated: "the topic was deleted and made again: reading it from its start, nothing is counted twice",
	kafka.Expired:   "records were deleted from the topic before they were read: they are not in the statistics",
}

// reposition logs that reading went on elsewhere.
func (in *Ingest) reposition(moved kafka.Reposition) {
	in.metrics.repositions.WithLabelValues(string(moved.Reason)).Inc()
	in.moves.add(moved, in.config.Clock.Now())
	level, missing := zerolog.WarnLevel, int64(0)
	if moved.To > moved.From {
		level, missing = zerolog.ErrorLevel, moved.To-moved.From
	}
	in.logger.WithLevel(level).Str("reason", string(moved.Reason)).Int32("partition", moved.Partition).Int64("from",
		moved.From).
		Int64("to", moved.To).Int64("missing_offsets", missing).Msg(explanations[moved.Reason])
}

// incidents tells of repositions, one incident a reason.
func incidents(moved []kafka.Reposition) (found []activity.Incident) {
	for _, reason := range kafka.Reasons() {
		var i activity.Incident
		var first kafka.Reposition
		partitions := 0
		for _, m := range moved {
			if m.Reason != reason {
				continue
			}
			if partitions++; partitions == 1 {
				first = m
				i = activity.Incident{Kind: activity.IncidentKind(reason), Partition: m.Partition, Offset: m.From}
			}
			i.Messages += max(m.To-m.From, 0)
		}
		if partitions == 0 {
			continue
		}
		i.Text = fmt.Sprintf("%s. Partition %d went on at offset %d instead of %d.", explanations[reason],
			first.Partition,
			first.To, first.From)
		if partitions > 1 {
			i.Text += fmt.Sprintf(" It is one of %d partitions.", partitions)
		}
		found = append(found, i)
	}
	return found
}

// Note says why reading is not ready, or else what Changes does: for an activity whose topic may be missing.
func (in *Ingest) Note() string {
	if err := in.Ready(context.Background()); err != nil {
		return err.Error()
	}
	return in.Changes()
}

// Changes describes in one line what an operator should know of the topic, "" when there is nothing: an outage of
// Kafka; for which open transaction reading waits; repositions, and partitions that were added, since the start.
func (in *Ingest) Changes() string {
	var notes []string
	if link := in.Link(); link.State == activity.LinkDown {
		notes = append(notes, fmt.Sprintf("Kafka cannot be reached since %s: %s", link.Since.UTC().Format(time.RFC3339),
			link.Error))
	}
	if held := in.source.Held(); held.Partitions > 0 {
		notes = append(
			notes,
			fmt.Sprintf(
				"partitions that wait for the end of another program's open transaction: %d, such as partition %d at "+
					"offset %d since %s; the records behind it are not counted yet",
				held.Partitions,
				held.Partition,
				held.Offset,
				held.Since.UTC().Format(time.RFC3339),
			),
		)
	}
	if text := in.moves.String(); text != "" {
		notes = append(notes, text)
	}
	if added := in.source.PartitionsAdded(); added > 0 {
		notes = append(notes, fmt.Sprintf("partitions added since the start, and read: %d", added))
	}
	return strings.Join(notes, "; ")
}
