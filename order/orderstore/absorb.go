package orderstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// ErrNoOrder says that a record has the envelope of an order's message, and its content is none.
var ErrNoOrder = errors.New("the record is not what an order service writes")

// Absorber builds an order file out of the records of its topic, on top of what the file has (rule P12). Nobody else
// may use the file. Records may come in any order, and more than once.
type Absorber struct {
	db      *boltdb.DB
	outbox  *outbox.Absorption
	keysAge time.Time // older keys are left out

	count    Absorbed
	indexing *indexing
}

// Absorbed counts what was new.
type Absorbed struct {
	Orders        int `json:"orders"`
	Cancellations int `json:"cancellations"`
	Keys          int `json:"idempotency_keys"`
	References    int `json:"references"`
	// OldKeys are idempotency keys that were left out because they are older than their retention.
	OldKeys int `json:"old_keys"`
	// OtherTypes are messages of types that this program does not know.
	OtherTypes int `json:"other_types"`
	// Repeated are records of messages that were there already.
	Repeated int `json:"repeated"`
}

// NewAbsorber prepares the buckets in db. Keys used before keysAge are left out.
func NewAbsorber(ctx context.Context, db *boltdb.DB, o *outbox.Absorption, keysAge time.Time) (*Absorber, error) {
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if tx.Bucket(indexesBucket) != nil {
			return nil
		}
		return runs.Create(tx, indexesBucket, indexSpecs())
	})
	if err != nil {
		return nil, fmt.Errorf("absorb orders: %w", err)
	}
	indexes, err := runs.Open(ctx, db, indexesBucket, indexSpecs(), runs.Config{})
	if err == nil {
		err = forgetKeys(ctx, db, indexes, keysAge)
	}
	if err != nil {
		return nil, fmt.Errorf("absorb orders: %w", err)
	}
	return &Absorber{db: db, outbox: o, keysAge: keysAge, indexing: newIndexing(indexes)}, nil
}

// Count returns what was new so far.
func (a *Absorber) Count() Absorbed { return a.count }

// Message is a record of the topic, ready to be absorbed. Read makes it.
type Message struct {
	record outbox.LogRecord
	kind   string
	order  uuidv7.ID
	key    order.KeyHash
	hash   order.RequestHash

	placed       event.Order // of an order
	content      content
	cancellation order.Cancellation
}

// Slot returns the message's slot.
func (m *Message) Slot() uint64 { return m.record.Slot }

// At returns the time of its record.
func (m *Message) At() time.Time { return m.record.Time }

// Read makes a Message of a record. It may run beside Put. The error is ErrNoOrder.
func Read(e *cloudevent.Envelope, at outbox.Position, published time.Time, key, value []byte,
	headers []cloudevent.Header) (m Message, err error) {
	id, err := uuidv7.Parse(e.ID)
	if err == nil {
		m.order, err = uuidv7.Parse(e.Subject)
	}
	if err == nil && string(key) != e.Subject {
		err = fmt.Errorf("its key is %.40q, and its subject %.40q", key, e.Subject)
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrNoOrder, err)
	}
	m.kind = e.Type
	m.record = outbox.LogRecord{
		Position: at, Slot: e.Sequence, Previous: e.Previous, Time: published,
		Message: outbox.Message{
			ID: id, Key: key, Type: e.Type, Subject: e.Subject, Schema: e.DataSchema, ContentType: e.ContentType,
			Time: e.Time, Trace: e.Trace, Value: value,
		},
	}
	for i := range headers {
		if headers[i].Key != cloudevent.HeaderKey {
			continue
		}
		hashed, request, err := event.ParseKeyHeader(headers[i].Value)
		if err != nil {
			return m, fmt.Errorf("%w: %w", ErrNoOrder, err)
		}
		m.key, m.hash = hashed, request
		m.record.Message.Headers = append(m.record.Message.Headers, headers[i])
	}
	switch e.Type {
	case event.TypeCreated:
		err = m.readOrder(value)
	case event.TypeCancelled:
		err = m.readCancellation(value)
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrNoOrder, err)
	}
	return m, nil
}

func (m *Message) readOrder(value []byte) error {
	o, err := event.Decode(value)
	if err != nil {
		return err
	}
	if o.ID != m.record.Message.Subject {
		return fmt.Errorf("it calls itself %.40q", o.ID)
	}
	m.placed, m.content = o, contentOf(value, &o)
	return nil
}

func (m *Message) readCancellation(value []byte) error {
	var c struct {
		OrderID     string    `json:"order_id"`
		Reason      string    `json:"reason"`
		CancelledAt time.Time `json:"cancelled_at"`
	}
	if err := json.Unmarshal(value, &c); err != nil {
		return err
	}
	if c.OrderID != m.record.Message.Subject {
		return fmt.Errorf("it is of order %.40q", c.OrderID)
	}
	m.cancellation = order.Cancellation{At: c.CancelledAt, Reason: c.Reason}
	return nil
}

// Put stores messages in one transaction, and gathers what their indexes need. Finish writes it. refused is called for
// each message that the file contradicts, which is passed over.
func (a *Absorber) Put(ctx context.Context, messages []Message, refused func(m *Message, err error)) error {
	slices.SortFunc(messages, func(x, y Message) int { // of two with one slot, the first is the genuine one
		return cmp.Or(cmp.Compare(x.record.Slot, y.record.Slot), x.record.Time.Compare(y.record.Time))
	})
	var p putting
	before := a.count
	err := a.db.Write(ctx, func(tx *boltdb.Tx) error {
		a.count = before
		p = putting{Absorber: a, tx: tx}
		for i := range messages {
			err := p.message(&messages[i])
			if errors.Is(err, outbox.ErrOtherMessage) || errors.Is(err, ErrNoOrder) {
				refused(&messages[i], err)
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		for _, m := range p.orders {
			a.index(m)
		}
		if a.indexing.full() {
			err = a.storeIndexes(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("absorb orders: %w", err)
	}
	return nil
}

// index gathers what the indexes need of an order.
func (a *Absorber) index(m *Message) {
	a.indexing.order(m.order, identityOf(&m.placed))
	switch {
	case m.key.IsZero():
	case madeAt(m.order).Before(a.keysAge):
		a.count.OldKeys++
	default:
		a.indexing.key(m.key, use{m.order, madeAt(m.order)})
	}
}

func (a *Absorber) storeIndexes(ctx context.Context) error {
	sources, keys, err := a.indexing.store(ctx)
	a.count.References += sources
	a.count.Keys += keys
	return err
}

// putting is one transaction of an Absorber.
type putting struct {
	*Absorber
	tx     *boltdb.Tx
	orders []*Message // that were new
}

func (p *putting) message(m *Message) error {
	stored, err := p.stored(m)
	if err != nil {
		return err
	}
	m.record.Message.Stored = stored
	fresh, err := p.outbox.Put(p.tx, &m.record)
	if err != nil {
		return err
	}
	if !fresh {
		p.count.Repeated++
	}
	switch m.kind {
	case event.TypeCreated:
		return p.created(m)
	case event.TypeCancelled:
		return p.cancelled(m)
	}
	if fresh {
		p.count.OtherTypes++
	}
	return nil
}

// row returns the row of an order out of its message.
func (m *Message) row() row {
	return row{
		message:  message{kind: m.kind, slot: m.record.Slot, id: m.record.Message.ID},
		placedAt: m.placed.PlacedAt, key: m.key, hash: m.hash, content: m.content,
	}
}

// stored reports whether the message can be made again out of the order's row. A cancellation cannot: its order may be
// missing in the end.
func (p *putting) stored(m *Message) (bool, error) {
	if m.kind != event.TypeCreated {
		return false, nil
	}
	r := m.row()
	if sealed := p.tx.Bucket(ordersBucket).Get(m.order[:]); sealed != nil {
		var err error
		if r, err = decodeRow(m.order[:], sealed); err != nil {
			return false, err
		}
	}
	again, err := r.again(m.order)
	return err == nil && sameMessage(&again, &m.record.Message), err
}

// sameMessage reports whether two messages are the same, apart from their traces.
func sameMessage(a, b *outbox.Message) bool {
	return a.ID == b.ID && a.Time.Equal(b.Time) && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
		a.Type == b.Type && a.Subject == b.Subject && a.Schema == b.Schema && a.ContentType == b.ContentType &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y cloudevent.Header) bool {
			return x.Key == y.Key && bytes.Equal(x.Value, y.Value)
		})
}

func (p *putting) created(m *Message) error {
	orders := p.tx.Bucket(ordersBucket)
	if sealed := orders.Get(m.order[:]); sealed != nil {
		known, err := decodeRow(m.order[:], sealed)
		if err == nil && known.message.id != m.record.Message.ID {
			err = fmt.Errorf("%w: order %s has another message", ErrNoOrder, m.order)
		}
		return err
	}
	r := m.row()
	orders.FillPercent = tailFill
	if err := orders.Put(m.order[:], encodeRow(nil, m.order[:], &r)); err != nil {
		return err
	}
	p.count.Orders++
	p.orders = append(p.orders, m)
	return nil
}

func (p *putting) cancelled(m *Message) error {
	cancellations := p.tx.Bucket(cancellationsBucket)
	if cancellations.Get(m.order[:]) != nil {
		return nil
	}
	c := cancellation{
		message: message{kind: m.kind, slot: m.record.Slot, id: m.record.Message.ID}, key: m.key,
		Cancellation: m.cancellation,
	}
	p.count.Cancellations++
	return cancellations.Put(m.order[:], encodeCancellation(m.order[:], &c))
}

// Finish writes the indexes, and drops cancellations whose orders are missing, because the topic or the file no longer
// had them. It returns how many there were.
func (a *Absorber) Finish(ctx context.Context) (orphans int, err error) {
	err = a.storeIndexes(ctx)
	if err == nil {
		err = a.db.Write(ctx, func(tx *boltdb.Tx) error {
			orphans = 0
			return orphaned(tx, tx.Bucket(cancellationsBucket), &orphans)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("absorb orders: %w", err)
	}
	a.count.Cancellations -= orphans
	return orphans, nil
}

func orphaned(tx *boltdb.Tx, cancellations *bbolt.Bucket, n *int) error {
	var gone [][]byte
	cursor := cancellations.Cursor()
	for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
		if tx.Bucket(ordersBucket).Get(key) == nil {
			gone = append(gone, bytes.Clone(key))
		}
	}
	*n = len(gone)
	for _, key := range gone {
		if err := cancellations.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
