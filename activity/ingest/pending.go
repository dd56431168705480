package ingest

import (
	"sync"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

// pending counts the records that were fetched and are not applied yet. The zero value is none.
type pending struct {
	mu     sync.Mutex
	counts map[int32]int64
}

func (p *pending) add(records []kafka.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts = make(map[int32]int64)
	}
	run := 0 // records of one partition mostly follow each other
	for i := range records {
		run++
		if next := i + 1; next == len(records) || records[next].Partition != records[i].Partition {
			p.counts[records[i].Partition] += int64(run)
			run = 0
		}
	}
}

// forget drops what was fetched and will be fetched again.
func (p *pending) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = nil
}

func (p *pending) done(batch *activity.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := 0
	for i := range batch.Messages {
		run++
		if next := i + 1; next == len(batch.Messages) || batch.Messages[next].Partition != batch.Messages[i].Partition {
			p.counts[batch.Messages[i].Partition] -= int64(run)
			run = 0
		}
	}
	for i := range batch.Parked {
		p.counts[batch.Parked[i].Partition]--
	}
	for partition, count := range batch.PassedOver {
		p.counts[partition] -= count
	}
}

// none reports whether all that was fetched has been applied.
func (p *pending) none() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, count := range p.counts {
		if count != 0 {
			return false
		}
	}
	return true
}

func (p *pending) addTo(lag map[int32]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for partition, count := range p.counts {
		lag[partition] += count
	}
}
