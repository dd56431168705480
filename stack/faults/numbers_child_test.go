package faults_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
)

// numbersConfig is a program around an outbox that counts. Each key's messages are 1, 2, 3 and so on, whatever kills
// the program in between. An order's key is its id, so only here do messages follow others of their key.
type numbersConfig struct {
	Data, Broker, Topic string
	Keys                int
	Each                int // messages of each key, from one start
	Large               int // bytes of a large message: one in ten of the first key
}

// runNumbers appends the messages with one writer per key, prints "KEY NUMBER" for each stored one, and keeps
// publishing.
func runNumbers(ctx context.Context, c numbersConfig) error {
	db, err := boltdb.Open(c.Data, boltdb.Options{})
	if err != nil {
		return err
	}
	box, err := outbox.Open(ctx, db, outbox.Config{Source: "/numbers", QueueMessages: 64})
	if err != nil {
		return err
	}
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{c.Broker}, Topic: c.Topic},
		zerolog.Nop())
	if err != nil {
		return err
	}
	relay := outbox.NewRelay(box, publisher, outbox.RelayConfig{
		BatchMessages: 16, MaxAttempts: 1_000_000,
		Retry: outbox.Backoff{First: 50 * time.Millisecond, Factor: 1, Limit: 50 * time.Millisecond},
	}, outbox.NewMetrics(prometheus.NewRegistry(), "numbers", box), zerolog.Nop())
	failed := make(chan error, 1+c.Keys)
	go func() { failed <- relay.Run(ctx) }()
	fmt.Fprintln(os.Stdout, "ready")
	for key := range c.Keys {
		go func() {
			if err := count(ctx, os.Stdout, db, box, fmt.Sprintf("k%d", key), &c); err != nil {
				failed <- err
			}
		}()
	}
	select {
	case err := <-failed:
		return err
	case <-obey():
		return nil
	}
}

// count stores the next messages of one key. Each transaction stores a message and the new number.
func count(ctx context.Context, stored io.Writer, db *boltdb.DB, box *outbox.Outbox, key string,
	c *numbersConfig) error {
	for range c.Each {
		var n uint64
		err := db.Write(ctx, func(tx *boltdb.Tx) error {
			numbers, err := tx.CreateBucketIfNotExists([]byte("numbers"))
			if err != nil {
				return err
			}
			n = 1
			if last := numbers.Get([]byte(key)); last != nil {
				n += binary.BigEndian.Uint64(last)
			}
			if err := numbers.Put([]byte(key), binary.BigEndian.AppendUint64(nil, n)); err != nil {
				return err
			}
			value := fmt.Sprintf("%s %d ", key, n)
			if key == "k0" && n%10 == 5 {
				value += strings.Repeat("x", c.Large)
			}
			_, err = box.Append(tx, outbox.Message{Key: []byte(key), Type: "NUMBER", Value: []byte(value)})
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(stored, "%s %d\n", key, n)
	}
	return nil
}
