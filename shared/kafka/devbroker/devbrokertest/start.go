// Package devbrokertest starts development brokers for tests.
package devbrokertest

import (
	"testing"

	"ordertally/shared/kafka/devbroker"
)

// Start starts a broker, and stops it at the end of the test.
func Start(t testing.TB, config devbroker.Config) *devbroker.Broker {
	t.Helper()
	broker, err := devbroker.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Stop(); err != nil {
			t.Error(err)
		}
	})
	return broker
}
