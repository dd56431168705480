// Package outboxtest has what a test of an outbox or of a publisher needs: a scriptable Publisher in memory, and the suite
// that every Publisher must pass.
package outboxtest

import (
	"context"
	"errors"
	"sync"

	"ordertally/shared/outbox"
)

// Publisher keeps what is published in memory, fences like Kafka and fails as its script says. It is safe for concurrent
// use; the zero value is ready.
type Publisher struct {
	mu        sync.Mutex
	epochs    map[string]int
	marks     map[string]uint64
	published []outbox.Record
	changed   chan struct{}
	script    func(Step, []outbox.Record) error
	opens     int
}

var _ outbox.Publisher = (*Publisher)(nil)

// Step is a moment at which the script may fail.
type Step int

// The steps of a session.
const (
	Opening    Step = iota // before a session is opened
	Committing             // before a batch becomes visible
	Answering              // after it became visible: an error here leaves the outcome unknown to the caller
)

// Script sets what is asked at each step; an error is returned to the relay.
func (p *Publisher) Script(script func(Step, []outbox.Record) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = script
}

// Published returns what is visible, in order.
func (p *Publisher) Published() []outbox.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]outbox.Record(nil), p.published...)
}

// Await returns what is visible once there are n records, or ctx's error.
func (p *Publisher) Await(ctx context.Context, n int) ([]outbox.Record, error) {
	for {
		p.mu.Lock()
		records := append([]outbox.Record(nil), p.published...)
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		if len(records) >= n {
			return records, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return records, ctx.Err()
		}
	}
}

// Watermark returns the lineage's committed watermark.
func (p *Publisher) Watermark(lineage string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.marks[lineage]
}

// Opens returns how many sessions were opened.
func (p *Publisher) Opens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opens
}

func (p *Publisher) ask(step Step, records []outbox.Record) error {
	p.mu.Lock()
	script := p.script
	p.mu.Unlock()
	if script == nil {
		return nil
	}
	return script(step, records)
}

// Open implements outbox.Publisher.
func (p *Publisher) Open(ctx context.Context, id outbox.Identity) (outbox.Session, error) {
	if err := errors.Join(ctx.Err(), p.ask(Opening, nil)); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epochs == nil {
		p.epochs, p.marks = map[string]int{}, map[string]uint64{}
	}
	p.opens++
	p.epochs[id.Lineage]++
	mark, known := p.marks[id.Lineage]
	return &session{publisher: p, lineage: id.Lineage, epoch: p.epochs[id.Lineage], mark: mark, known: known}, nil
}

type session struct {
	publisher *Publisher
	lineage   string
	epoch     int
	mark      uint64
	known     bool
}

func (s *session) Watermark() (uint64, bool) { return s.mark, s.known }

func (s *session) Publish(ctx context.Context, records []outbox.Record, watermark uint64) ([]outbox.Place, error) {
	p := s.publisher
	if err := errors.Join(ctx.Err(), p.ask(Committing, records)); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.epochs[s.lineage] != s.epoch {
		p.mu.Unlock()
		return nil, &outbox.OutageError{Class: outbox.Fenced, Err: errors.New("a later session was opened")}
	}
	places := make([]outbox.Place, len(records))
	for i := range records {
		places[i] = outbox.Place{Offset: int64(len(p.published))}
		p.published = append(p.published, records[i])
	}
	p.marks[s.lineage] = watermark
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
	p.mu.Unlock()
	if err := p.ask(Answering, records); err != nil {
		return nil, err
	}
	return places, nil
}

func (s *session) Close() {}
