// Package outboxtest has what a test of an outbox or of a publisher needs: a scriptable Publisher in memory, and the suite
// that every Publisher must pass.
package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"

	"ordertally/shared/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Partitions is how many the Publisher has.
const Partitions = 3

// Publisher keeps what is published in memory, in Partitions partitions, fences like Kafka and fails as its script says. It
// is safe for concurrent use; the zero value is ready.
type Publisher struct {
	mu      sync.Mutex
	epochs  map[string]int
	marks   map[string]outbox.Mark
	stands  []stood // in the order of publication
	starts  [Partitions]int64
	places  int // how often it was made anew
	shift   int32
	changed chan struct{}
	script  func(Step, []outbox.Record) error
	opens   int
	scans   int
	trouble chan struct{}
}

type stood struct {
	outbox.Record
	place   outbox.Place
	lineage string
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
	return p.records()
}

func (p *Publisher) records() []outbox.Record {
	records := make([]outbox.Record, len(p.stands))
	for i := range p.stands {
		records[i] = p.stands[i].Record
	}
	return records
}

// PlaceOf returns where the i-th of Published stands.
func (p *Publisher) PlaceOf(i int) outbox.Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stands[i].place
}

// Lose forgets all but the first keep records, like a broker after a power cut, and tells the session of trouble.
func (p *Publisher) Lose(keep int) {
	p.LoseQuietly(keep)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worry()
}

// LoseQuietly forgets all but the first keep records and tells nobody.
func (p *Publisher) LoseQuietly(keep int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands = p.stands[:keep]
}

// Expire deletes the first n records, like a topic's retention.
func (p *Publisher) Expire(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.stands[:n] {
		place := p.stands[i].place
		p.starts[place.Partition] = place.Offset + 1
	}
	p.stands = p.stands[n:]
}

// Recreate deletes everything and makes the place anew, marks included.
func (p *Publisher) Recreate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands, p.starts, p.marks = nil, [Partitions]int64{}, map[string]outbox.Mark{}
	p.places++
	p.worry()
}

// Shift has each key go to another partition from now on, as when partitions are added.
func (p *Publisher) Shift() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shift++
}

// ForgetMarks forgets the watermarks, like Kafka after 7 days.
func (p *Publisher) ForgetMarks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = map[string]outbox.Mark{}
}

// Scans returns how often a session read what stands.
func (p *Publisher) Scans() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.scans
}

func (p *Publisher) worry() {
	if p.trouble != nil {
		close(p.trouble)
		p.trouble = nil
	}
}

// Await returns what is visible once there are n records, or ctx's error.
func (p *Publisher) Await(ctx context.Context, n int) ([]outbox.Record, error) {
	for {
		p.mu.Lock()
		records := p.records()
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
	return p.marks[lineage].Slot
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
		p.epochs, p.marks = map[string]int{}, map[string]outbox.Mark{}
	}
	if p.trouble == nil {
		p.trouble = make(chan struct{})
	}
	p.opens++
	p.epochs[id.Lineage]++
	mark, known := p.marks[id.Lineage]
	return &session{
		publisher: p, lineage: id.Lineage, epoch: p.epochs[id.Lineage], mark: mark, known: known,
		place: fmt.Sprint("place ", p.places), trouble: p.trouble,
	}, nil
}

type session struct {
	publisher *Publisher
	lineage   string
	epoch     int
	mark      outbox.Mark
	known     bool
	place     string
	trouble   chan struct{}
}

func (s *session) Mark() (outbox.Mark, bool) { return s.mark, s.known }

func (s *session) Place() string { return s.place }

func (s *session) Troubled() <-chan struct{} { return s.trouble }

func (s *session) Publish(ctx context.Context, records []outbox.Record, mark outbox.Mark) ([]outbox.Place, error) {
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
	next := p.ends()
	for i := range records {
		partition := (int32(crc32.ChecksumIEEE(records[i].Key)%Partitions) + p.shift) % Partitions
		if pinned := records[i].Partition; pinned != nil && *pinned < Partitions {
			partition = *pinned
		}
		places[i] = outbox.Place{Partition: partition, Offset: next[partition]}
		next[places[i].Partition]++
		p.stands = append(p.stands, stood{records[i], places[i], s.lineage})
	}
	p.marks[s.lineage] = mark
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

// ends returns the offset that follows the last record of each partition.
func (p *Publisher) ends() map[int32]int64 {
	ends := map[int32]int64{}
	for i, start := range p.starts {
		ends[int32(i)] = start
	}
	for i := range p.stands {
		place := p.stands[i].place
		ends[place.Partition] = max(ends[place.Partition], place.Offset+1)
	}
	return ends
}

func (s *session) Ends(ctx context.Context) (map[int32]int64, error) {
	s.publisher.mu.Lock()
	defer s.publisher.mu.Unlock()
	return s.publisher.ends(), ctx.Err()
}

func (s *session) Lost(ctx context.Context, records []outbox.Standing) ([]outbox.Standing, error) {
	p := s.publisher
	p.mu.Lock()
	defer p.mu.Unlock()
	var lost []outbox.Standing
	for _, r := range records {
		stands := slices.ContainsFunc(p.stands, func(x stood) bool { return x.place == r.Place && x.Slot == r.Slot && x.lineage == s.lineage })
		if !stands && r.Offset >= p.starts[r.Partition] {
			lost = append(lost, r)
		}
	}
	return lost, ctx.Err()
}

func (s *session) Scan(ctx context.Context, from map[int32]int64, visit func([]outbox.Standing) error) (map[int32]int64, error) {
	p := s.publisher
	p.mu.Lock()
	p.scans++
	starts := map[int32]int64{}
	for i, start := range p.starts {
		starts[int32(i)] = start
	}
	var standing []outbox.Standing
	for i := range p.stands {
		x := &p.stands[i]
		if x.lineage != s.lineage || x.place.Offset < from[x.place.Partition] {
			continue
		}
		standing = append(standing, outbox.Standing{Place: x.place, Slot: x.Slot, ID: idOf(x.Headers)})
	}
	p.mu.Unlock()
	if err := visit(standing); err != nil {
		return nil, err
	}
	return starts, ctx.Err()
}

func idOf(headers []cloudevent.Header) uuidv7.ID {
	for _, h := range headers {
		if id, err := uuidv7.Parse(string(h.Value)); err == nil && h.Key == cloudevent.HeaderID {
			return id
		}
	}
	return uuidv7.ID{}
}

func (s *session) Close() {}
