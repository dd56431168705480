// Package outboxtest helps to test an outbox or a publisher. It has a Publisher in memory that a script controls, and
// the suite that every Publisher must pass.
package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Partitions is how many partitions the Publisher has, unless it is recreated with another number.
const Partitions = 3

// Publisher keeps what is published in memory, in Partitions partitions. It fences, and fails as its script says.
// Another program's open transaction hides the records behind its first one (Hang). It is safe for concurrent use. The
// zero value is ready for use.
type Publisher struct {
	mu         sync.Mutex
	epochs     map[string]int
	watermarks map[string]outbox.Watermark
	stands     []stood // in the order of publication
	starts     map[int32]int64
	extra      int32 // partitions more than Partitions; negative for fewer
	places     int   // how often it was recreated
	gone       bool  // deleted and not recreated
	changed    chan struct{}
	script     func(Step, []outbox.Record) error
	opens      int
	scans      int
	looks      int
	trouble    chan struct{}
}

type stood struct {
	outbox.Record
	place   outbox.Position
	lineage string
	foreign *foreign // the other program's transaction that it belongs to; nil if a session published it
}

// foreign is another program's transaction.
type foreign struct {
	open  bool
	begun time.Time
}

var _ outbox.Publisher = (*Publisher)(nil)

// Step is a moment at which the script may return an error.
type Step int

// The steps of a session.
const (
	Opening    Step = iota // before a session is opened
	Committing             // before a batch becomes visible
	Answering              // after it became visible: after an error here the caller does not know the outcome
)

// Script sets the function that is called at each step. The relay gets its error. A commit that has begun keeps the
// function that it began with: its records can be seen before it is answered.
func (p *Publisher) Script(script func(Step, []outbox.Record) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = script
}

// Published returns the visible records in order.
func (p *Publisher) Published() []outbox.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.records()
}

func (p *Publisher) records() []outbox.Record {
	var records []outbox.Record
	for i := range p.stands {
		if p.stands[i].foreign == nil {
			records = append(records, p.stands[i].Record)
		}
	}
	return records
}

// PositionOf returns the position of the i-th record of Published.
func (p *Publisher) PositionOf(i int) outbox.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stands[p.nth(i)].place
}

// nth returns the index in stands of the i-th record that a session published, or the length of stands if there is
// none.
func (p *Publisher) nth(i int) int {
	for at := range p.stands {
		if p.stands[at].foreign != nil {
			continue
		}
		if i == 0 {
			return at
		}
		i--
	}
	return len(p.stands)
}

// Hang begins another program's transaction in each partition, with one record in each, and leaves it open. Readers of
// committed records see nothing behind it until end is called. A second call of end does nothing.
func (p *Publisher) Hang() (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &foreign{open: true, begun: time.Now()}
	for partition, offset := range p.ends() {
		p.stands = append(p.stands, stood{place: outbox.Position{Partition: partition, Offset: offset}, foreign: t})
	}
	p.change()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		t.open = false
		p.change()
	}
}

// change wakes whoever waits for a change. The caller holds p.mu.
func (p *Publisher) change() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// next returns a channel that is closed at the next change. The caller holds p.mu.
func (p *Publisher) next() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// Lose forgets all but the first keep records, like a broker after a power cut. It disconnects the session.
func (p *Publisher) Lose(keep int) {
	p.LoseQuietly(keep)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worry()
}

// LoseQuietly is Lose, but the session is not told.
func (p *Publisher) LoseQuietly(keep int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stands = p.stands[:p.nth(keep)]
	p.change()
}

// Expire deletes the first n records, as a log's own retention does.
func (p *Publisher) Expire(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.nth(n)
	if p.starts == nil {
		p.starts = map[int32]int64{}
	}
	for i := range p.stands[:first] {
		place := p.stands[i].place
		p.starts[place.Partition] = place.Offset + 1
	}
	p.stands = p.stands[first:]
}

// Recreate deletes and recreates the log. Its watermarks are gone too. It disconnects the session.
func (p *Publisher) Recreate() { p.RecreateWith(Partitions) }

// RecreateWith is Recreate with another number of partitions.
func (p *Publisher) RecreateWith(partitions int32) {
	p.Delete()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone, p.extra = false, partitions-Partitions
	p.change()
}

// RecreateQuietly is Recreate, but the session is not told.
func (p *Publisher) RecreateQuietly() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.empty()
}

// Delete deletes the log and its watermarks. It disconnects the session. No session can be opened until the log is
// recreated.
func (p *Publisher) Delete() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.empty()
	p.worry()
}

func (p *Publisher) empty() {
	p.stands, p.starts, p.watermarks = nil, nil, map[string]outbox.Watermark{}
	p.places++
	p.change()
}

func (p *Publisher) partitions() int32 { return Partitions + p.extra }

// AddPartitions gives the log more partitions, and disconnects the session.
func (p *Publisher) AddPartitions(n int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.extra += n
	p.worry()
}

// ForgetWatermarks forgets the watermarks, as Kafka does after a week.
func (p *Publisher) ForgetWatermarks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watermarks = map[string]outbox.Watermark{}
}

// Scans returns how often a session has scanned the log.
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

// Await returns the visible records once there are n, or the error of ctx.
func (p *Publisher) Await(ctx context.Context, n int) ([]outbox.Record, error) {
	for {
		p.mu.Lock()
		records, changed := p.records(), p.next()
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

// SetWatermark sets a lineage's watermark, like another program that commits an offset for its group.
func (p *Publisher) SetWatermark(lineage string, watermark outbox.Watermark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watermarks == nil {
		p.watermarks = map[string]outbox.Watermark{}
	}
	p.watermarks[lineage] = watermark
}

// Watermark returns the lineage's committed watermark.
func (p *Publisher) Watermark(lineage string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watermarks[lineage].Slot
}

// WatermarkOf returns the lineage's watermark.
func (p *Publisher) WatermarkOf(lineage string) outbox.Watermark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watermarks[lineage]
}

// Looks returns how often a session has looked up what it published.
func (p *Publisher) Looks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.looks
}

// Opens returns how many sessions were opened.
func (p *Publisher) Opens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opens
}

// scripted returns the function that is set now.
func (p *Publisher) scripted() func(Step, []outbox.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.script == nil {
		return func(Step, []outbox.Record) error { return nil }
	}
	return p.script
}

// Open implements outbox.Publisher.
func (p *Publisher) Open(ctx context.Context, id outbox.Identity) (outbox.Session, error) {
	if err := errors.Join(ctx.Err(), p.scripted()(Opening, nil)); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil, &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("the log is gone")}
	}
	if p.epochs == nil {
		p.epochs = map[string]int{}
	}
	if p.watermarks == nil {
		p.watermarks = map[string]outbox.Watermark{}
	}
	if p.trouble == nil {
		p.trouble = make(chan struct{})
	}
	p.opens++
	p.epochs[id.Lineage]++
	watermark, known := p.watermarks[id.Lineage]
	return &session{
		publisher: p, lineage: id.Lineage, epoch: p.epochs[id.Lineage], watermark: watermark, known: known,
		place: p.name(), partitions: int(p.partitions()), trouble: p.trouble,
	}, nil
}

func (p *Publisher) name() string { return fmt.Sprint("place ", p.places) }

type session struct {
	partitions int
	publisher  *Publisher
	lineage    string
	epoch      int
	watermark  outbox.Watermark
	known      bool
	place      string
	trouble    chan struct{}
}

func (s *session) Watermark() (outbox.Watermark, bool) { return s.watermark, s.known }

func (s *session) Partitions() int { return s.partitions }

func (s *session) LogID() string { return s.place }

func (s *session) Disconnected() <-chan struct{} { return s.trouble }

func (s *session) Publish(ctx context.Context, records []outbox.Record, watermark outbox.Watermark) ([]outbox.Position,
	error) {
	p := s.publisher
	script := p.scripted()
	if err := errors.Join(ctx.Err(), script(Committing, records)); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.epochs[s.lineage] != s.epoch {
		p.mu.Unlock()
		return nil, &outbox.OutageError{Class: outbox.Fenced, Err: errors.New("a later session was opened")}
	}
	if p.gone {
		p.mu.Unlock()
		return nil, &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("the log is gone")}
	}
	places := make([]outbox.Position, len(records))
	next := p.ends()
	for i := range records {
		partition := records[i].Partition
		places[i] = outbox.Position{Partition: partition, Offset: next[partition]}
		next[places[i].Partition]++
		p.stands = append(p.stands, stood{Record: records[i], place: places[i], lineage: s.lineage})
	}
	p.watermarks[s.lineage] = watermark
	p.change()
	p.mu.Unlock()
	if err := script(Answering, records); err != nil {
		return nil, err
	}
	return places, nil
}

// ends returns the offset that follows the last record of each partition.
func (p *Publisher) ends() map[int32]int64 {
	ends := map[int32]int64{}
	for partition := range p.partitions() {
		ends[partition] = p.starts[partition]
	}
	for i := range p.stands {
		place := p.stands[i].place
		ends[place.Partition] = max(ends[place.Partition], place.Offset+1)
	}
	return ends
}

// hidden returns the partitions that readers of committed records cannot read up to the given ends.
func (p *Publisher) hidden(ends map[int32]int64) []outbox.Hidden {
	var hidden []outbox.Hidden
	for partition := range p.partitions() {
		for i := range p.stands {
			x := &p.stands[i]
			if x.foreign == nil || !x.foreign.open || x.place.Partition != partition ||
				x.place.Offset >= ends[partition] {
				continue
			}
			hidden = append(
				hidden,
				outbox.Hidden{Partition: partition, From: x.place.Offset, To: ends[partition], Since: x.foreign.begun},
			)
			break
		}
	}
	return hidden
}

func (s *session) Ends(ctx context.Context) (map[int32]int64, error) {
	s.publisher.mu.Lock()
	defer s.publisher.mu.Unlock()
	return s.publisher.ends(), ctx.Err()
}

func (s *session) Lost(ctx context.Context, records []outbox.StoredRecord) ([]outbox.StoredRecord, error) {
	p := s.publisher
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks++
	if p.name() != s.place {
		return records, ctx.Err()
	}
	var lost []outbox.StoredRecord
	for _, r := range records {
		stands := slices.ContainsFunc(p.stands,
			func(x stood) bool { return x.place == r.Position && x.Slot == r.Slot && x.lineage == s.lineage })
		if !stands && r.Offset >= p.starts[r.Partition] {
			lost = append(lost, r)
		}
	}
	return lost, ctx.Err()
}

func (s *session) Scan(
	ctx context.Context,
	from map[int32]int64,
	visit func(outbox.Sight) error,
) (map[int32]int64, error) {
	p := s.publisher
	p.mu.Lock()
	p.scans++
	ends := p.ends()
	for {
		now := p.ends()
		for partition, end := range ends {
			if now[partition] < end || p.name() != s.place {
				p.mu.Unlock()
				return nil, outbox.ErrChanged
			}
		}
		hidden := p.hidden(ends)
		if len(hidden) == 0 {
			break
		}
		changed := p.next()
		p.mu.Unlock()
		if err := visit(outbox.Sight{Hidden: hidden}); err != nil {
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		p.mu.Lock()
	}
	starts := map[int32]int64{}
	for partition := range ends {
		starts[partition] = p.starts[partition]
	}
	var standing []outbox.StoredRecord
	for i := range p.stands {
		x := &p.stands[i]
		if x.lineage != s.lineage || cloudevent.Republished(x.Headers) || x.place.Offset < from[x.place.Partition] ||
			x.place.Offset >= ends[x.place.Partition] {
			continue
		}
		standing = append(standing, outbox.StoredRecord{Position: x.place, Slot: x.Slot, ID: idOf(x.Headers)})
	}
	p.mu.Unlock()
	if err := visit(outbox.Sight{Found: standing}); err != nil {
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
