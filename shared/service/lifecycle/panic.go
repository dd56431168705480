package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// PanicError is a panic of a part, turned into an error so that the other parts can still be stopped in order.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // the goroutine's stack at the panic
}

// Error gives the value and the stack, over several lines.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack) }

// Unwrap returns the value when it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

var errGoexit = errors.New("ended by runtime.Goexit")

// Guard calls run and reports a panic as a *PanicError. After a runtime.Goexit Guard does not return either: its
// callers' deferred calls are all that still run.
func Guard(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return run(ctx)
}
