//go:build full

package main

import "ordertally/bench/stores"

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
