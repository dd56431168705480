//go:build !full

package main

import (
	"context"
	"errors"

	"ordertally/bench/stores"
)

// errShort says why a program that is built without the tag full lacks peers: so that nobody has to build them.
var errShort = errors.New("this program was built without the peers of a full run: make bench-full builds them, or " +
	"go run -tags 'full libsqlite3' . -full")

// morePeers are left out.
func morePeers() ([]storePeer, error) { return nil, errShort }

// openForwarder is left out.
func openForwarder(context.Context, string, string, string) (stores.Store, error) {
	return nil, errShort
}
