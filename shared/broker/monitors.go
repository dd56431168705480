package broker

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"
)

const (
	monitorInterval = time.Second
	monitorTimeout  = 2 * time.Second
)

// monitors sets a group's committed offsets for tools that watch lag. It goes through the admin API: a consumer that
// commits offsets itself does not close while the broker is away.
type monitors struct {
	admin  *kafka.AdminClient
	topic  string
	group  string
	logger zerolog.Logger

	mu      sync.Mutex
	pending map[int32]int64 // nil when nothing changed
}

func (m *monitors) set(next map[int32]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending == nil {
		m.pending = make(map[int32]int64, len(next))
	}
	maps.Copy(m.pending, next)
}

func (m *monitors) take() map[int32]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	pending := m.pending
	m.pending = nil
	return pending
}

// run sets what is pending once a second until ctx ends.
func (m *monitors) run(ctx context.Context) {
	for pause(ctx, monitorInterval) == nil {
		pending := m.take()
		if pending == nil {
			continue
		}
		offsets := make([]kafka.TopicPartition, 0, len(pending))
		for id, offset := range pending {
			offsets = append(offsets, kafka.TopicPartition{Topic: &m.topic, Partition: id, Offset: kafka.Offset(offset)})
		}
		_, err := m.admin.AlterConsumerGroupOffsets(ctx,
			[]kafka.ConsumerGroupTopicPartitions{{Group: m.group, Partitions: offsets}}, kafka.SetAdminRequestTimeout(monitorTimeout))
		if err != nil {
			m.logger.Debug().Err(err).Msg("cannot set the group's offsets for monitors")
		}
	}
}
