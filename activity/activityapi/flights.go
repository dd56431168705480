package activityapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	// patience is how long a request waits for its turn.
	patience = 5 * time.Second
	// smallSpan is the largest read that counts as small, in quarter hours: 35 days. A large read can take as long as a
	// hundred small ones.
	smallSpan = 35 * 96
	// yieldEvery is after how many quarter hours a large read lets others run: about a millisecond.
	yieldEvery = 64
	// maxKept bounds the number of finished answers that are kept. maxKeptBytes bounds their size, with their
	// questions.
	maxKept, maxKeptBytes = 4096, 16 << 20
)

// flights limits concurrent reads. Reads take turns by caller, and equal requests share one answer.
//
// No answer is older than its request. A request joins an answer under way only if the read has not begun, or if
// nothing that the answer depends on has changed since. Otherwise it starts another.
//
// Finished answers are kept. A kept answer is given again without a read if nothing that it depends on has changed.
type flights struct {
	small, large *fairshare.Turns

	mu        sync.Mutex
	latest    map[string]*flight // those under way, by question
	kept      *simplelru.LRU[string, *finished]
	keptBytes int // of all kept answers
	keptRoom  int // limit of keptBytes
}

// finished is a kept answer with its basis.
type finished struct {
	answer *rendered
	basis  basis
	bytes  int // of the answer and its question
}

func newFlights() *flights {
	procs := runtime.GOMAXPROCS(0)
	fs := &flights{
		small:    fairshare.NewTurns(max(procs, 2)),
		large:    fairshare.NewTurns(max(procs/2, 1)),
		latest:   make(map[string]*flight),
		keptRoom: maxKeptBytes,
	}
	// The only possible error is a size below 1.
	fs.kept, _ = simplelru.NewLRU(maxKept, func(_ string, k *finished) { fs.keptBytes -= k.bytes })
	return fs
}

// flight is an answer under way. It has its own goroutine, because the first client may leave before the others.
type flight struct {
	of     *flights
	ctx    context.Context //nolint:containedctx // of the goroutine; it ends when nobody waits any more
	cancel context.CancelFunc
	done   chan struct{} // closed once answer and err are set

	mu      *sync.Mutex // the lock of flights; it guards the four fields below
	clients []string    // those that wait
	waiters int
	turn    *fairshare.Turn // nil until the read waits for its turn
	basis   *basis          // nil until the read begins

	answer *rendered
	err    error
}

// rendered is an encoded answer. Any number of clients can get it.
type rendered struct {
	text  []byte
	final bool   // clients may keep it
	tag   string // of a final answer
}

// basis is what an answer depends on besides its question. If the basis is unchanged, so is the answer.
type basis struct {
	ends    time.Time // of the range that was asked for
	version int64     // of the statistics
	// final says that the range is over, and that everything Kafka had by its end was counted.
	final bool
	// lag is the number of uncounted messages, if known. Those do not concern a final range, so it is left at zero
	// there.
	lag   int64
	known bool
}

// basis returns the basis of an answer about a range until ends. It must be taken before the statistics are read. Then
// the answer contains all that the basis says was counted.
func (a *API) basis(act *Activity, ends time.Time) basis {
	b := basis{ends: ends, version: act.Statistics.Version()}
	b.final = !ends.After(a.clock.Now()) && !act.Progress.Through().Before(ends)
	if b.final {
		return b
	}
	b.lag, b.known = act.lag()
	return b
}

// lag returns the number of uncounted messages, and whether that number is known. It is not while Kafka cannot be
// reached: messages may have arrived since it last answered.
func (act *Activity) lag() (sum int64, known bool) {
	lag, known := act.Progress.Lag()
	if !known || act.Progress.Link().State == activity.LinkDown {
		return 0, false
	}
	for _, n := range lag {
		sum += n
	}
	return sum, known
}

type flightKey struct{}

// share returns the answer to a request. Equal requests may share it. create gets the request with the context of the
// flight.
func (a *API) share(r *http.Request, act *Activity, create func(*http.Request) (any, error)) (*rendered, error) {
	var minute int64 // "today" may be another day in the next minute
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

// clientOf names whom a request's share is charged to: a caller, or an address. It is "" for the machine itself, which
// stands for many clients.
func clientOf(r *http.Request) string {
	if caller := auth.FromContext(r.Context()).ID; caller != "" {
		return caller
	}
	return web.Client(r)
}

// encode renders a body.
func encode(body any) (*rendered, error) {
	unchanging, final := body.(cacheable)
	if final {
		body = unchanging.body
	}
	if page, ok := body.(html); ok {
		return &rendered{text: page}, nil
	}
	text, err := appendJSON(nil, body)
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

// html is the body of a page.
type html []byte

// recall returns the kept answer to a question, or nil if there is none or its basis has changed.
func (fs *flights) recall(question string, unchanged func(basis) bool) *rendered {
	fs.mu.Lock()
	k, found := fs.kept.Get(question)
	fs.mu.Unlock()
	if !found || !unchanged(k.basis) {
		return nil
	}
	return k.answer
}

// keep keeps a finished answer. It skips one that would displace many others. The caller holds the lock.
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

// join returns a flight whose answer is not older than this call, or nil.
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

// begin begins a flight. Later requests with the same question may join it.
func (fs *flights) begin(question, client string, create func(*flight) (*rendered, error)) *flight {
	f := &flight{of: fs, done: make(chan struct{}), mu: &fs.mu, clients: []string{client}, waiters: 1}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	fs.mu.Lock()
	fs.latest[question] = f
	fs.mu.Unlock()
	go func() { // the last waiter waits for its end
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

// wait returns the answer. If the read does not begin in time, the client is told to retry.
func (f *flight) wait(ctx context.Context) (*rendered, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-f.done:
			if panicked, ok := errors.AsType[*lifecycle.PanicError](f.err); ok {
				panic(panicked) // a bug; every request that waited panics
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

// leave removes one waiter. The last one ends the flight and waits for its end.
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

// begin waits for the turn to read an activity. It returns the basis of the answer. The caller must call end after the
// read.
func (a *API) begin(ctx context.Context, act *Activity, ends time.Time, large bool) (b basis, end func(), err error) {
	turns := a.flights.small
	if large {
		turns = a.flights.large
	}
	f, _ := ctx.Value(flightKey{}).(*flight)
	if f == nil { // a live stream; all of them count as one client
		turn := turns.Enter("live")
		select {
		case <-turn.Ready():
			return a.basis(act, ends), turn.End, nil
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
	b = a.basis(act, ends)
	f.mu.Lock()
	f.basis = &b
	f.mu.Unlock()
	return b, func() {}, nil // the flight ends the turn, after the answer is written
}
