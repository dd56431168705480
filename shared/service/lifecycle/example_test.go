package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/service/lifecycle"
)

// A service with a database and a relay that fails.
func Example() {
	var stack lifecycle.Stack
	group := lifecycle.NewGroup()

	stack.Push("database", func(context.Context) error { fmt.Println("database closed"); return nil })
	stack.Push("relay", group.Go("relay", func(context.Context) error { return errors.New("fenced") }))
	stack.Push("http", func(context.Context) error { fmt.Println("http drained"); return nil })

	<-group.Failed()
	fmt.Println("failed:", group.Err())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println("stopped:", stack.Stop(ctx))
	// Output:
	// failed: relay: fenced
	// http drained
	// database closed
	// stopped: stop relay: fenced
}
