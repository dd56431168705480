package lifecycle_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"ordertally/shared/service/lifecycle"
)

// Go and Stop run in any order. After a Stop has returned, no part runs and none starts.
func TestStressGoAndStop(t *testing.T) {
	for range 500 {
		g := lifecycle.NewGroup()
		var running, stops atomic.Int64
		part := func(ctx context.Context) error {
			if stops.Load() > 0 {
				t.Error("a part began after a Stop had returned")
			}
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			return ctx.Err()
		}
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 4 {
			wg.Go(func() {
				<-start
				for j := range 4 {
					stop := g.Go(fmt.Sprintf("part %d.%d", i, j), part)
					if j%2 == 0 {
						if err := stop(t.Context()); err != nil {
							t.Errorf("stop one: %v", err)
						}
					}
				}
			})
		}
		for range 3 {
			wg.Go(func() {
				<-start
				if err := g.Stop(t.Context()); err != nil {
					t.Errorf("Stop: %v", err)
				}
				stops.Add(1)
				if n := running.Load(); n != 0 {
					t.Errorf("%d parts run after Stop returned", n)
				}
			})
		}
		close(start)
		wg.Wait()
		select {
		case <-g.Failed():
			t.Errorf("failed: %v", g.Err())
		default:
		}
	}
}
