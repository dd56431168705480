//go:build !full

package main

import "errors"

// morePeers are left out of a program that is built without the tag full, so that nobody has to build them.
func morePeers() ([]storePeer, error) {
	return nil, errors.New("this program was built without the peers of a full run: make bench-full builds them, or " +
		"go run " +
		"-tags 'full libsqlite3' . -full")
}
