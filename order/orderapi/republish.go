package orderapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/shared/web"
)

// Republished is a line of the answer to a republication. CONTRACT: clients rely on the names.
type Republished struct {
	order.Republication
	// Kafka is the state of the relay's connection.
	Kafka string `json:"kafka"`
	// Done is on the last line, and only if the whole range was gone through.
	Done bool `json:"done"`
	// Error says on the last line why it ended early.
	Error string `json:"error,omitempty"`
}

const (
	republishEvery     = time.Second      // between two lines of the answer
	republishWriteTime = 10 * time.Second // for one line
)

// errStopping ends a republication because the service stops.
var errStopping = errors.New("the service stops")

// republish publishes the messages of a range of orders once more. It answers a line a second, and one at the end. The
// republication ends with the request, and when the service is told to stop.
func (a *api) republish(w http.ResponseWriter, r *http.Request) error {
	values, err := web.Parameters(r, "placed_from", "placed_to")
	if err != nil {
		return err
	}
	from, err := readTime(values, "placed_from")
	if err != nil {
		return err
	}
	to, err := readTime(values, "placed_to")
	if err != nil {
		return err
	}
	for name, at := range map[string]time.Time{"placed_from": from, "placed_to": to} {
		if at.IsZero() {
			return web.InvalidParameter(name, "must be given.")
		}
	}
	if !to.After(from) {
		return web.InvalidParameter("placed_to", "must be after placed_from: it is not in the range itself.")
	}
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	p := progress{w: w, kafka: func() string { return string(a.Outbox.Link().State) }}
	p.latest.Store(&order.Republication{})
	stop := p.start(ctx, end)
	done, err := a.Store.Republish(ctx, from, to, func(done order.Republication) { p.latest.Store(&done) })
	stop()
	p.latest.Store(&done)
	if err != nil && !p.begun {
		if errors.Is(context.Cause(ctx), errStopping) {
			return order.ErrUnavailable
		}
		return err
	}
	text := ""
	if err != nil {
		text = "the republication ended early: run it again"
		if cause := context.Cause(ctx); errors.Is(cause, errStopping) {
			text = cause.Error() + ": run it again"
		} else if ctx.Err() == nil {
			a.failures.Log(r, http.StatusOK, err)
		}
	}
	if p.line(err == nil, text) != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	return nil
}

// progress writes how a republication goes on. One goroutine at a time uses it.
type progress struct {
	w      http.ResponseWriter
	kafka  func() string
	latest atomic.Pointer[order.Republication]
	begun  bool // a line was written
}

// start writes a line each second until stop is called, which waits for the last one. It calls end if the client has
// gone or the service stops.
func (p *progress) start(ctx context.Context, end context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() {
		ticker := time.NewTicker(republishEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := p.line(false, ""); err != nil {
					end(err)
					return
				}
			case <-web.Draining(ctx):
				end(errStopping)
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		writing.Wait()
	}
}

func (p *progress) line(done bool, failure string) error {
	if !p.begun {
		p.w.Header().Set("Content-Type", "application/x-ndjson")
		p.w.Header().Set("Cache-Control", "no-store")
		p.begun = true
	}
	control := http.NewResponseController(p.w)
	_ = control.SetWriteDeadline(time.Now().Add(republishWriteTime)) // this fails without deadlines, as in some tests
	text, err := json.Marshal(Republished{Republication: *p.latest.Load(), Kafka: p.kafka(), Done: done,
		Error: failure}, json.Deterministic(true))
	if err == nil {
		_, err = p.w.Write(append(text, '\n'))
	}
	if err == nil {
		err = control.Flush()
	}
	if err != nil {
		return fmt.Errorf("answer how a republication goes on: %w", err)
	}
	return nil
}
