package kafka_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/kafka"
)

// TestConsumer_StopsAtOnceWhileTheBrokerIsSilent has a peer that accepts connections and never answers.
func TestConsumer_StopsAtOnceWhileTheBrokerIsSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	consumer, err := kafka.NewConsumer(kafka.ConsumerConfig{
		Brokers: []string{listener.Addr().String()}, Topic: "t", GroupID: "g",
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	assigned := make(chan error, 1)
	go func() { assigned <- consumer.Assign(ctx, nil) }()
	peer, err := listener.Accept() // the consumer asks
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	began := time.Now()
	stop()
	if err := <-assigned; !errors.Is(err, context.Canceled) {
		t.Errorf("Assign() = %v", err)
	}
	consumer.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s to stop", took)
	}
}
