package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// StopFunc stops one part and returns when it has stopped. If ctx ends first, it gives up, cuts short what it can, and
// returns an error that tells what was left.
type StopFunc func(ctx context.Context) error

// Within gives stop its own time limit, so that one silent peer does not use up the time of later steps.
func Within(d time.Duration, stop StopFunc) StopFunc {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return stop(ctx)
	}
}

// Stack is a list of named clean-ups, run last in, first out. The zero value is empty and ready. Its methods are safe
// for concurrent use. A clean-up must not call its own stack.
type Stack struct {
	mu    sync.Mutex
	steps []step
}

type step struct {
	name string
	stop StopFunc
}

// Push adds a clean-up that Stop runs before the existing ones. While a Stop runs, Push waits for its end, and the
// clean-up is left for the next Stop.
func (s *Stack) Push(name string, stop StopFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step{name: name, stop: stop})
}

// Stop runs every clean-up once, the last one pushed first. All get the same ctx, so one deadline covers them all. No
// failure, panic or missed deadline skips the rest. The errors are joined, each with the name of its step.
//
// Stop empties the stack. A second call returns nil, and so does a call on an empty stack. Concurrent calls run one
// after the other, and each returns the errors of the steps that it ran.
func (s *Stack) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for len(s.steps) > 0 {
		last := len(s.steps) - 1
		st := s.steps[last]
		s.steps[last] = step{}
		s.steps = s.steps[:last]
		if err := Guard(ctx, st.stop); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", st.name, err))
		}
	}
	return errors.Join(errs...)
}
