//go:build full

package main

import (
	"context"

	"ordertally/bench/stores"
)

// morePeers are the stores that a full run measures as well.
func morePeers() ([]storePeer, error) {
	return []storePeer{
		{"Pebble, payload once", stores.OpenPebbleOnce, nil},
		{"SQLite, WAL, grouped", stores.OpenSQLite, nil},
		{"PostgreSQL, three inserts a transaction", stores.OpenPostgres, map[int]float64{64: 8}},
		{"PostgreSQL, pipelined", stores.OpenPostgresPipelined, nil},
		{"raw log, synced", stores.OpenRawLog, nil},
	}, nil
}

// openForwarder opens the store of a peer that forwards its messages to a topic of Kafka.
func openForwarder(ctx context.Context, dir, broker, topic string) (stores.Store, error) {
	return stores.OpenWatermill(ctx, dir, broker, topic)
}
