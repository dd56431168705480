package stores

import (
	"context"
	"errors"
)

// grouped is a store with one writer that commits what waits as one group, as the product does.
type grouped struct {
	requests chan *groupRequest
	ended    chan struct{}
}

type groupRequest struct {
	records *records
	err     error
	done    chan struct{}
}

// largestGroup is as in the product.
const largestGroup = 4096

// newGrouped starts the writer. commit stores a group.
func newGrouped(commit func(group []*groupRequest) error) *grouped {
	g := &grouped{requests: make(chan *groupRequest, largestGroup), ended: make(chan struct{})}
	go func() {
		defer close(g.ended)
		for first := range g.requests {
			group := []*groupRequest{first}
			for len(group) < largestGroup && len(g.requests) > 0 {
				group = append(group, <-g.requests)
			}
			err := commit(group)
			for _, r := range group {
				r.err = errors.Join(r.err, err)
				close(r.done)
			}
		}
	}()
	return g
}

func (g *grouped) Place(ctx context.Context, n int64) error {
	r := &groupRequest{records: recordsOf(n), done: make(chan struct{})}
	select {
	case g.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-r.done
	return stored(r.err)
}

// stop ends the writer.
func (g *grouped) stop() {
	close(g.requests)
	<-g.ended
}
