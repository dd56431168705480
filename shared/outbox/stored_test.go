package outbox_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/parked"
	"ordertally/shared/uuidv7"
)

// A thing is what the tests store beside their messages.
type thing struct {
	Subject, Schema, ContentType string
	Time                         time.Time
	Headers                      []cloudevent.Header
	Value                        []byte
}

var thingsBucket = []byte("things") // id of the message -> thing, JSON

// contentOfThing is the Content of the rig.
func contentOfThing(tx *bbolt.Tx, m *outbox.Message) error {
	var what thing
	if err := json.Unmarshal(tx.Bucket(thingsBucket).Get(m.ID[:]), &what); err != nil {
		return fmt.Errorf("%w: %w", boltdb.ErrCorrupt, err)
	}
	m.Subject, m.Schema, m.ContentType = what.Subject, what.Schema, what.ContentType
	m.Time, m.Headers, m.Value = what.Time, what.Headers, what.Value
	return nil
}

// checkThing checks a thing's message.
func checkThing(r *boltdb.Record, s *outbox.Stored) error {
	m := outbox.Message{ID: s.ID}
	if err := contentOfThing(r.Tx, &m); err != nil {
		return err
	}
	return s.Is(m.ID, m.Value)
}

var thingIDs = uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})

// add appends a message. Of every second one the outbox keeps only what it must.
func (r *rig) add(tx *boltdb.Tx, m outbox.Message) (uint64, error) {
	if r.appended++; r.appended%2 == 0 {
		return r.outbox.Append(tx, m)
	}
	return r.appendStored(tx, m)
}

func (r *rig) appendStored(tx *boltdb.Tx, m outbox.Message) (uint64, error) {
	if m.ID == (uuidv7.ID{}) {
		m.ID = thingIDs.Next()
	}
	things, err := tx.CreateBucketIfNotExists(thingsBucket)
	if err != nil {
		return 0, err
	}
	value, err := json.Marshal(thing{m.Subject, m.Schema, m.ContentType, m.Time, m.Headers, m.Value})
	if err == nil {
		err = things.Put(m.ID[:], value)
	}
	if err != nil {
		return 0, err
	}
	m.Stored = true
	return r.outbox.Append(tx, m)
}

// whole has every field that a message can have.
func whole() outbox.Message {
	return outbox.Message{
		ID: thingIDs.Next(), Key: []byte("moby-dick"), Type: "BOOK_LENT", Subject: "a book", Schema: "urn:book:1",
		ContentType: "application/json", Time: time.Date(2010, 12, 1, 8, 26, 0, 5, time.UTC),
		Trace:   cloudevent.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "a=b"},
		Headers: []cloudevent.Header{{Key: "shelf", Value: []byte("7")}},
		Value:   []byte(strings.Repeat("Call me Ishmael. ", 20)),
	}
}

// What is published is the same whether the message comes out of memory or the file, and whether the outbox has all of
// it or not.
func TestOutbox_AMessageThatIsStoredElsewhereIsPublishedAsItWasAppended(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("after a restart ", late), func(t *testing.T) {
			r := newRig(t)
			m := whole()
			for _, add := range []func(*boltdb.Tx, outbox.Message) (uint64, error){r.outbox.Append, r.appendStored} {
				err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error { _, err := add(tx, m); return err })
				if err != nil {
					t.Fatal(err)
				}
				m.ID = thingIDs.Next()
			}
			if late {
				r.close()
				r.open()
			}
			r.start()
			records := r.await(2)
			if string(records[0].Key) != string(m.Key) || string(records[0].Value) != string(m.Value) {
				t.Errorf("published %+v", records[0])
			}
			if string(records[1].Key) != string(m.Key) || string(records[1].Value) != string(m.Value) {
				t.Errorf("published %+v", records[1])
			}
			differ := []string{cloudevent.HeaderID, cloudevent.HeaderSequence, cloudevent.HeaderPrevious,
				cloudevent.HeaderPartitionPrevious}
			if len(records[0].Headers) != len(records[1].Headers) || len(records[0].Headers) < 14 {
				t.Fatalf("headers %v and %v", records[0].Headers, records[1].Headers)
			}
			for i, h := range records[0].Headers {
				other := records[1].Headers[i]
				if h.Key != other.Key || string(h.Value) != string(other.Value) && !slices.Contains(differ, h.Key) {
					t.Errorf("header %s: %q and %q", h.Key, h.Value, other.Value)
				}
			}
		})
	}
}

func TestOutbox_AMessageThatIsStoredElsewhereIsNotStoredTwice(t *testing.T) {
	r := newRig(t)
	m := whole()
	if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
		_,
			err := r.appendStored(tx, m)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, key := range r.keys("messages") {
		if err := r.db.View(t.Context(), func(tx *bbolt.Tx) error {
			row := tx.Bucket(outbox.Root()).Bucket([]byte("messages")).Get(binary.BigEndian.AppendUint64(nil, key))
			if len(row) > 150 || strings.Contains(string(row), "Ishmael") {
				t.Errorf("the row has %d bytes: %q", len(row), row)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// changeThing changes what was stored for a message.
func (r *rig) changeThing(id uuidv7.ID, change func(value []byte) []byte) {
	r.t.Helper()
	r.damaged = true
	if err := r.db.Write(r.t.Context(), func(tx *boltdb.Tx) error {
		things := tx.Bucket(thingsBucket)
		value := change(slices.Clone(things.Get(id[:])))
		if value == nil {
			return things.Delete(id[:])
		}
		return things.Put(id[:], value)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// What is stored elsewhere may be damaged, gone, or simply be another text: nothing is published of it.
func TestOutbox_AMessageWhoseStoredContentChangedIsNotPublished(t *testing.T) {
	for name, change := range map[string]func(value []byte) []byte{
		"gone":    func([]byte) []byte { return nil },
		"damaged": func(value []byte) []byte { return value[1:] },
		"changed": func([]byte) []byte { return []byte(`{"Value":"YW5vdGhlcg=="}`) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			m := whole()
			if err := r.db.Write(t.Context(),
				func(tx *boltdb.Tx) error { _, err := r.appendStored(tx, m); return err }); err != nil {
				t.Fatal(err)
			}
			r.changeThing(m.ID, change)
			r.close()
			r.open()
			r.ended = make(chan error, 1)
			r.start()
			if err := <-r.ended; !errors.Is(err, boltdb.ErrCorrupt) || !strings.Contains(err.Error(), m.ID.String()) {
				t.Errorf("the relay ended with: %v", err)
			}
			if records := r.publisher.Published(); len(records) > 0 {
				t.Errorf("published: %+v", records)
			}
			r.stop()
			if err := r.db.Close(); err != nil {
				t.Fatal(err)
			}
			done, err := boltdb.CheckFile(t.Context(), r.path, func(record *boltdb.Record) error {
				if record.Within(outbox.Root()) {
					return outbox.Checker(checkThing)(record)
				}
				return nil
			})
			if err != nil || len(done.Faults) != 1 || !strings.Contains(done.Faults[0], m.ID.String()) {
				t.Errorf("check: %q, %v", done.Faults, err)
			}
			r.open()
			var mended outbox.Mended
			err = r.db.Write(t.Context(), func(tx *boltdb.Tx) (err error) {
				mended, err = outbox.Mend(tx, contentOfThing)
				return err
			})
			if err != nil || len(mended.Lost) != 1 || mended.Lost[0] != (outbox.SlotSpan{First: 1, Last: 1}) {
				t.Errorf("mended: %+v, %v", mended, err)
			}
		})
	}
}

// A parked message is shown and retried as a whole.
func TestOutbox_AParkedMessageThatIsStoredElsewhereIsWholeAgain(t *testing.T) {
	r := newRig(t)
	r.relay.MaxAttempts = 1
	ill := sick(r)
	r.start()
	m := whole()
	m.Key = []byte("sick-0")
	m.Value = m.Key
	var slot uint64
	if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) (err error) {
		slot,
			err = r.appendStored(tx, m)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "it is parked", func() bool { return r.outbox.Parked() == 1 })
	r.restart()
	got, _, err := r.outbox.Ledger().Get(t.Context(), m.ID.String())
	if err != nil || got.Subject != m.Subject || string(got.Value) != string(m.Value) || got.Slot != slot {
		t.Errorf("parked: %+v, %v", got, err)
	}
	ill.Store(false)
	_, err = r.outbox.Ledger().DecideAll(context.Background(), parked.Filter{Subject: m.Subject},
		parked.Decision{Verb: parked.Retry, Reason: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	records := r.await(1)
	e := envelopeOf(t, records[0])
	if string(records[0].Value) != string(m.Value) || e.ID != m.ID.String() || e.Subject != m.Subject ||
		e.Trace != m.Trace || !e.Time.Equal(m.Time) {
		t.Errorf("published %+v", e)
	}
}
