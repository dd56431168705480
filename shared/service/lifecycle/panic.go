package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// PanicError is a panic of a part. As an error, it still lets the other parts stop in order.
type PanicError struct {
	Value any    // the argument of panic
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

// Guard calls run and returns a panic as a *PanicError. After a runtime.Goexit, Guard does not return either. Only its
// callers' deferred calls still run.
func Guard(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return run(ctx)
}
