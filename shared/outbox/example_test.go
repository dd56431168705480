package outbox_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// A row and the message about it are written in one transaction. A program would publish to Kafka with
// kafka.NewPublisher. This one publishes to memory.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	dir, err := os.MkdirTemp("", "outbox")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	db, err := boltdb.Open(filepath.Join(dir, "books.db"), boltdb.Options{})
	check(err)
	box, err := outbox.Open(ctx, db, outbox.Config{Source: "/library"})
	check(err)
	publisher := &outboxtest.Publisher{}
	relay := outbox.NewRelay(box, publisher, outbox.RelayConfig{},
		outbox.NewMetrics(prometheus.NewRegistry(), "library", box), zerolog.Nop())
	ended := make(chan error)
	go func() { ended <- relay.Run(ctx) }()

	check(db.Write(ctx, func(tx *boltdb.Tx) error {
		books, err := tx.CreateBucketIfNotExists([]byte("books"))
		if err != nil {
			return err
		}
		if err := books.Put([]byte("moby-dick"), []byte("lent")); err != nil {
			return err
		}
		_, err = box.Append(tx, outbox.Message{Key: []byte("moby-dick"), Type: "BOOK_LENT",
			Value: []byte(`{"book":"moby-dick"}`)})
		return err
	}))

	records, err := publisher.Await(ctx, 1)
	check(err)
	fmt.Printf("slot %d: %s\n", records[0].Slot, records[0].Value)
	stop()
	check(<-ended)
	check(db.Close())
	// Output: slot 1: {"book":"moby-dick"}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
