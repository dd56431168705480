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

	"github.com/hashicorp/golang-lru/v2/simplelru"

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
	// maxKept is how many finished answers are kept at most, and maxKeptBytes how large they are with their questions.
	maxKept, maxKeptBytes = 4096, 16 << 20
)

// flights limit concurrent reads, which take turns by caller, and let equal requests share one answer.
//
// No answer is older than its request. A request joins an answer under way only if the read has not begun, or if
// nothing that the answer depends on has changed since. Otherwise it starts another.
//
// Finished answers are kept, so that a question of which nothing has changed is answered without a read.
type flights struct {
	small, large *fairshare.Turns

	mu        sync.Mutex
	latest    map[string]*flight // those under way, by question
	kept      *simplelru.LRU[string, *finished]
	keptBytes int // of all kept
	keptRoom  int // for them
}

// finished is a kept answer, and the basis it was made on.
type finished struct {
	answer *rendered
	basis  basis
	bytes  int // with its question
}

func newFlights() *flights {
	procs := runtime.GOMAXPROCS(0)
	fs := &flights{
		small:    fairshare.NewTurns(max(procs, 2)),
		large:    fairshare.NewTurns(max(procs/2, 1)),
		latest:   make(map[string]*flight),
		keptRoom: maxKeptBytes,
	}
	// the only error is a size below 1
	fs.kept, _ = simplelru.NewLRU(maxKept, func(_ string, k *finished) { fs.keptBytes -= k.bytes })
	return fs
}

// flight is an answer under way, in its own goroutine, because the first client may leave before the others.
type flight struct {
	of     *flights
	ctx    context.Context //nolint:containedctx // of the goroutine; it ends when nobody waits any more
	cancel context.CancelFunc
	done   chan struct{} // closed after answer and err are set

	mu      *sync.Mutex // that of flights; it guards:
	clients []string    // who waits
	waiters int
	turn    *fairshare.Turn // nil before the read is to begin
	basis   *basis          // of the answer; nil before the read begins

	answer *rendered
	err    error
}

// rendered is an answer, ready to be sent to any number of clients.
type rendered struct {
	text  []byte
	final bool   // it may be kept
	tag   string // of a final one
}

// basis is what an answer depends on besides its question. If that is the same at two moments, so is the answer.
type basis struct {
	ends    time.Time // of the range that was asked for
	version int64     // of the statistics
	// final says that the range is over, and that all was counted that Kafka had by its end.
	final bool
	// lag is how many messages are not counted yet, if that is known. Those do not concern a final range.
	lag   int64
	known bool
}

// basis returns that of an answer about a range until ends. It is taken before the statistics are read: what it says
// was counted by then is in the answer.
func (a *API) basis(act *Activity, ends time.Time) basis {
	b := basis{ends: ends, version: act.Statistics.Version()}
	b.final = !ends.After(a.clock.Now()) && !act.Progress.Through().Before(ends)
	if b.final {
		return b
	}
	b.lag, b.known = act.lag()
	return b
}

// lag returns how many messages are not counted yet, and whether that is known.
func (act *Activity) lag() (sum int64, known bool) {
	lag, known := act.Progress.Lag()
	for _, n := range lag {
		sum += n
	}
	return sum, known
}

type flightKey struct{}

// share returns the answer to a request, which it may share with equal ones. create is given the request with another
// context.
func (a *API) share(r *http.Request, act *Activity, create func(*http.Request) (any, error)) (*rendered, error) {
	var minute int64 // "today" may be another day in the next
	if r.PathValue("day") == today || r.URL.Path == "/" {
		minute = a.clock.Now().Unix() / 60
	}
	question := strconv.FormatInt(minute, 10) + " " + r.URL.Path + "?" + r.URL.RawQuery
	client := clientOf(r)
	unchanged := func(b basis) bool { return b == a.basis(act, b.ends) }
	if answer := a.flights.recall(question, unchanged); answer != nil {
		return answer, nil
	}
	f := a.flights.join(question, client, unchanged)
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

// recall returns the finished answer to a question, or nil if none is kept of which nothing has changed.
func (fs *flights) recall(question string, unchanged func(basis) bool) *rendered {
	fs.mu.Lock()
	k, found := fs.kept.Get(question)
	fs.mu.Unlock()
	if !found || !unchanged(k.basis) {
		return nil
	}
	return k.answer
}

// keep keeps a finished answer, unless it would take the place of many. The caller holds the lock.
func (fs *flights) keep(question string, f *flight) {
	k := &finished{f.answer, *f.basis, len(question) + len(f.answer.text)}
	fs.kept.Remove(question)
	if k.bytes > fs.keptRoom/4 {
		return
	}
	fs.kept.Add(question, k)
	for fs.keptBytes += k.bytes; fs.keptBytes > fs.keptRoom; {
		fs.kept.RemoveOldest()
	}
}

// join returns a flight whose answer is not older than this moment, or nil.
func (fs *flights) join(question, client string, unchanged func(basis) bool) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.latest[question]
	if f == nil || f.waiters == 0 || f.basis != nil && !unchanged(*f.basis) {
		return nil
	}
	f.waiters++
	if f.basis == nil && !slices.Contains(f.clients, client) {
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
			if f.err == nil && f.basis != nil {
				fs.keep(question, f)
			}
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
			begun := f.basis != nil
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

// begin waits for the turn to read for an activity, and returns on what basis the answer is made and what must be
// called when the read is over.
func (a *API) begin(ctx context.Context, act *Activity, days *activity.Days) (b basis, end func(), err error) {
	turns := a.flights.small
	if span := days.Span(); span.To-span.From > smallSpan {
		turns = a.flights.large
	}
	f, _ := ctx.Value(flightKey{}).(*flight)
	if f == nil { // a live stream: all of them together are one client
		turn := turns.Enter("live")
		select {
		case <-turn.Ready():
			return a.basis(act, days.Ends()), turn.End, nil
		case <-ctx.Done():
			turn.End()
			return basis{}, nil, fmt.Errorf("wait to read the statistics: %w", ctx.Err())
		}
	}
	f.mu.Lock()
	f.turn = turns.Enter(f.clients...)
	f.mu.Unlock()
	select {
	case <-f.turn.Ready():
	case <-ctx.Done():
		return basis{}, nil, ctx.Err()
	}
	b = a.basis(act, days.Ends())
	f.mu.Lock()
	f.basis = &b
	f.mu.Unlock()
	return b, func() {}, nil // the turn includes the writing of the answer, and ends with the flight
}
