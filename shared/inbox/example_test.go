package inbox_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/inbox"
	"ordertally/shared/kafka"
)

// state is the result of this consumer, and where it goes on. It is stored in one transaction with the inbox.
type state struct {
	Orders   int
	Next     map[int32]kafka.Position
	Furthest map[int32]int64 // after the last record read of each partition; it never goes back
}

// countOrders counts each order once, until ctx ends. It may be killed at any moment and started again.
func countOrders(ctx context.Context, db *bbolt.DB, from kafka.ConsumerConfig) error {
	s := state{Next: map[int32]kafka.Position{}, Furthest: map[int32]int64{}}
	if err := db.View(s.load); err != nil {
		return err
	}
	reader, err := kafka.NewConsumer(from, zerolog.Nop())
	if err == nil {
		defer reader.Close()
		err = reader.Assign(ctx, s.Next)
	}
	for err == nil {
		var fetched kafka.Fetched
		if fetched, err = reader.Fetch(ctx, 1000); err == nil {
			err = db.Update(func(tx *bbolt.Tx) error { return s.add(tx, &fetched) })
		}
	}
	return err
}

func (s *state) add(tx *bbolt.Tx, fetched *kafka.Fetched) error {
	root, err := tx.CreateBucketIfNotExists([]byte("counter"))
	if err != nil {
		return err
	}
	box, err := inbox.Open(root, time.Now(), 30*24*time.Hour) // at least as long as the topic keeps records
	for _, r := range fetched.Records {
		e, bad := cloudevent.Parse(r.Headers)
		if err != nil || bad != nil {
			continue // not from an order service: set it aside, if that matters
		}
		digest := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", e.Type, e.Time, r.Value))
		verdict, failed := box.Decide(inbox.Message{ID: e.ID, Content: inbox.Content(digest[:8]), Lineage: e.Lineage,
			Sequence: e.Sequence, Previous: e.Previous, Written: r.Timestamp,
			ReadBefore: r.Offset < s.Furthest[r.Partition], Republished: cloudevent.Republished(r.Headers)})
		if first := verdict == inbox.Do || verdict == inbox.DoCovered; first && e.Type == event.TypeCreated {
			s.Orders++ // the effect. Conflict and Late are for a person to decide.
		}
		err = failed
	}
	for partition, next := range fetched.Next {
		s.Next[partition], s.Furthest[partition] = next, max(next.Offset, s.Furthest[partition])
	}
	text, bad := json.Marshal(s)
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	return errors.Join(box.Flush(), root.Put([]byte("state"), text))
}

func (s *state) load(tx *bbolt.Tx) error {
	if root := tx.Bucket([]byte("counter")); root != nil {
		return json.Unmarshal(root.Get([]byte("state")), s)
	}
	return nil
}

// A second consumer of the messages of an order service. It shares nothing with activity.
func Example_secondConsumer() {
	db, err := bbolt.Open("counter.db", 0o600, nil)
	if err != nil {
		panic(err)
	}
	err = countOrders(context.Background(), db, kafka.ConsumerConfig{
		Brokers: []string{"127.0.0.1:9092"}, Topic: event.Topic, GroupID: "second-consumer",
	})
	fmt.Println(err)
}
