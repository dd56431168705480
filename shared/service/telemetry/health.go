package telemetry

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Check tells whether one thing works. Its error says what is wrong and what to do. It should return when ctx ends, at
// the latest after [CheckTimeout].
type Check func(ctx context.Context) error

// CheckTimeout is how long a check may take before it counts as failed.
const CheckTimeout = time.Second

// Kind says which question a check answers. Kinds can be joined: Live|Ready.
type Kind uint8

const (
	// Live checks fail when only a restart helps.
	Live Kind = 1 << iota
	// Ready checks fail while the service should get no requests.
	Ready
	// Started checks fail until the service has begun its work, and never after that.
	Started
)

// Health is the list of a service's checks. The zero value is empty and passes. Its methods are safe for concurrent
// use.
type Health struct {
	mu     sync.Mutex
	checks []*check
}

type check struct {
	name string
	kind Kind
	run  Check
	note func() string // nil for none
	busy chan struct{} // holds one token while run is running
}

// Result is the outcome of one check.
type Result struct {
	Name string
	Err  error  // nil when the check passed
	Note string // what an operator should know anyway; mostly ""
}

// Register adds a check. Checks are listed in the order they were registered.
func (h *Health) Register(name string, run Check, kind Kind) { h.RegisterNoted(name, run, kind, nil) }

// RegisterNote adds a check that always passes, with a note.
func (h *Health) RegisterNote(name string, kind Kind, note func() string) {
	h.RegisterNoted(name, func(context.Context) error { return nil }, kind, note)
}

// RegisterNoted adds a check with a note. The note is one line shown beside its result, or "". note must not block.
func (h *Health) RegisterNoted(name string, run Check, kind Kind, note func() string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, &check{name: name, kind: kind, run: run, note: note, busy: make(chan struct{}, 1)})
}

// Run runs all checks of that kind concurrently. It returns their results after at most CheckTimeout. A check that does
// not return in time fails. It is not started again while it still runs, so a hanging check costs one goroutine,
// however often Run is called. A panic in a check is a failure of that check.
func (h *Health) Run(ctx context.Context, kind Kind) []Result {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	h.mu.Lock()
	var asked []*check
	for _, c := range h.checks {
		if c.kind&kind != 0 {
			asked = append(asked, c)
		}
	}
	h.mu.Unlock()
	answers := make([]<-chan error, len(asked))
	for i, c := range asked {
		answers[i] = c.start(ctx)
	}
	results := make([]Result, len(asked))
	for i, c := range asked {
		results[i] = Result{Name: c.name, Err: wait(ctx, answers[i])}
		if c.note != nil {
			results[i].Note = c.note()
		}
	}
	return results
}

func (c *check) start(ctx context.Context) <-chan error {
	answer := make(chan error, 1)
	go func() {
		select {
		case c.busy <- struct{}{}: // waits for the run of another request, as long as this one has time
		case <-ctx.Done():
			answer <- fmt.Errorf("an earlier run of this check has not returned: %w", ctx.Err())
			return
		}
		defer func() {
			if v := recover(); v != nil {
				answer <- &checkPanic{v, debug.Stack()}
			}
			<-c.busy
		}()
		answer <- c.run(ctx)
	}()
	return answer
}

// checkPanic is a panic of the check itself. An error returned by a check may contain a panic of something else.
type checkPanic struct {
	value any
	stack []byte
}

func (p *checkPanic) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func wait(ctx context.Context, answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	select { // both may be ready
	case err := <-answer:
		return err
	default:
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", CheckTimeout)
	}
	return ctx.Err()
}
