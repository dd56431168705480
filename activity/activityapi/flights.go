package activityapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/service/fairshare"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/web"
)

const (
	// patience is how long a question waits for its turn.
	patience = 5 * time.Second
	// smallSpan is up to how many quarter hours a read is a small one: 35 days. A larger one takes as long as a hundred
	// small ones.
	smallSpan = 35 * 96
	// yieldEvery is after how many quarter hours a large read lets others go first: about a millisecond.
	yieldEvery = 64
)

// flights limit concurrent reads, which take turns by caller, and let equal requests share one answer.
//
// No answer is older than its request. A request joins an answer under way only if the read has not begun, or if
// nothing that the answer depends on has changed since. Otherwise it starts another.
type flights struct {
	small, large *fairshare.Turns

	mu     sync.Mutex
	latest map[string]*flight // by question
}

func newFlights() *flights {
	procs := runtime.GOMAXPROCS(0)
	return &flights{
		small:  fairshare.NewTurns(max(procs, 2)),
		large:  fairshare.NewTurns(max(procs/2, 1)),
		latest: make(map[string]*flight),
	}
}

// flight is an answer under way, in its own goroutine, because the first client may leave before the others.
type flight struct {
	of     *flights
	ctx    context.Context //nolint:containedctx // of the goroutine; it ends when nobody waits any more
	cancel context.CancelFunc
	done   chan struct{} // closed after answer and err are set

	mu       *sync.Mutex // that of flights; it guards:
	clients  []string    // who waits
	waiters  int
	turn     *fairshare.Turn // nil before the read is to begin
	begun    bool            // the read
	standing standing        // at its begin

	answer *rendered
	err    error
}

// rendered is an answer, ready to be sent to any number of clients.
type rendered struct {
	text  []byte
	final bool   // it may be kept
	tag   string // of a final one
}

// standing is what an answer depends on besides the request. If it is equal at two moments, nothing changed in between.
type standing struct {
	version int64 // of the statistics
	through time.Time
	lag     int64
	known   bool
}

// standing is read before the statistics are: what changed in between is in them.
func (act *Activity) standing() standing {
	s := standing{version: act.Statistics.Version(), through: act.Progress.Through()}
	lag, known := act.Progress.Lag()
	for _, n := range lag {
		s.lag += n
	}
	s.known = known
	return s
}

type flightKey struct{}

// share returns the answer to a request, which it may share with equal ones. create is given the request with another
// context.
func (a *API) share(r *http.Request, act *Activity, create func(*http.Request) (any, error)) (*rendered, error) {
	minute := a.clock.Now().Unix() / 60 // "today" may be another day in the next
	question := strconv.FormatInt(minute, 10) + " " + r.URL.Path + "?" + r.URL.RawQuery
	client := clientOf(r)
	f := a.flights.join(question, client, act)
	if f == nil {
		f = a.flights.begin(question, client, func(f *flight) (*rendered, error) {
			body, err := create(r.Clone(context.WithValue(f.ctx, flightKey{}, f)))
			if err != nil {
				return nil, err
			}
			return encode(body)
		})
	}
	return f.wait(r.Context())
}

// clientOf names who a request is from when something is shared out: a caller, or an address; "" for the machine
// itself, which stands for many.
func clientOf(r *http.Request) string {
	if caller := auth.FromContext(r.Context()).ID; caller != "" {
		return caller
	}
	return web.Client(r)
}

// encode makes a body an answer.
func encode(body any) (*rendered, error) {
	unchanging, final := body.(cacheable)
	if final {
		body = unchanging.body
	}
	if page, ok := body.(html); ok {
		return &rendered{text: page}, nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	w := &rendered{text: append(text, '\n'), final: final}
	if final {
		digest := sha256.Sum256(w.text)
		w.tag = `"` + hex.EncodeToString(digest[:16]) + `"`
	}
	return w, nil
}

// html is a body that is a page.
type html []byte

// join returns a flight whose answer is not older than this moment, or nil.
func (fs *flights) join(question, client string, act *Activity) *flight {
	now := act.standing()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.latest[question]
	if f == nil || f.waiters == 0 || f.begun && f.standing != now {
		return nil
	}
	f.waiters++
	if !f.begun && !slices.Contains(f.clients, client) {
		f.clients = append(f.clients, client)
		if f.turn != nil {
			f.turn.Also(client)
		}
	}
	return f
}

// begin begins a flight that questions after it may join.
func (fs *flights) begin(question, client string, create func(*flight) (*rendered, error)) *flight {
	f := &flight{of: fs, done: make(chan struct{}), mu: &fs.mu, clients: []string{client}, waiters: 1}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	fs.mu.Lock()
	fs.latest[question] = f
	fs.mu.Unlock()
	go func() { // its last waiter waits for its end
		defer f.cancel()
		f.err = lifecycle.Guard(f.ctx, func(context.Context) (err error) { f.answer, err = create(f); return err })
		fs.mu.Lock()
		if fs.latest[question] == f {
			delete(fs.latest, question)
		}
		turn := f.turn
		fs.mu.Unlock()
		if turn != nil {
			turn.End()
		}
		close(f.done)
	}()
	return f
}

// wait returns the answer. A client that waited too long for the read to begin is told to retry.
func (f *flight) wait(ctx context.Context) (*rendered, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-f.done:
			if panicked, ok := errors.AsType[*lifecycle.PanicError](f.err); ok {
				panic(panicked) // it is a mistake in the program, and that of each request
			}
			return f.answer, f.err
		case <-ctx.Done():
			f.leave()
			return nil, ctx.Err()
		case <-timer.C:
			f.mu.Lock()
			begun := f.begun
			f.mu.Unlock()
			if !begun {
				f.leave()
				return nil, tooManyReads()
			}
		}
	}
}

func tooManyReads() error {
	p := web.KindOverloaded.New(
		"More is asked of the statistics than can be read in time. Repeat the request later, or ask for less.",
	)
	p.RetryAfter = patience
	return p
}

// leave ends the flight when nobody waits for it any more, and returns when it has ended.
func (f *flight) leave() {
	f.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	f.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
}

// begin waits for the turn to read for an activity, of that many quarter hours, and returns what must be called when
// the read is over.
func (a *API) begin(ctx context.Context, act *Activity, span activity.Span) (end func(), err error) {
	turns := a.flights.small
	if span.To-span.From > smallSpan {
		turns = a.flights.large
	}
	f, _ := ctx.Value(flightKey{}).(*flight)
	if f == nil { // a live stream: all of them together are one client
		turn := turns.Enter("live")
		select {
		case <-turn.Ready():
			return turn.End, nil
		case <-ctx.Done():
			turn.End()
			return nil, fmt.Errorf("wait to read the statistics: %w", ctx.Err())
		}
	}
	f.mu.Lock()
	f.turn = turns.Enter(f.clients...)
	f.mu.Unlock()
	select {
	case <-f.turn.Ready():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := act.standing()
	f.mu.Lock()
	f.begun, f.standing = true, now
	f.mu.Unlock()
	return func() {}, nil // the turn includes the writing of the answer, and ends with the flight
}
