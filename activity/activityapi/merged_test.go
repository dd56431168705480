package activityapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/parked"
)

// unmerged wraps statistics. It answers from bins only.
type unmerged struct{ activityapi.Statistics }

func (u unmerged) Merged(ctx context.Context, ask activity.Ask, see activity.See) (asOf activity.AsOf, err error) {
	for number, group := range ask.Groups {
		var whole activity.Totals
		for _, span := range append(group, activity.Span{}) {
			if asOf, err = u.Read(ctx, span,
				func(_ activity.Quarter, t *activity.Totals) { whole.Merge(t) }); err != nil {
				return asOf, err
			}
		}
		err := see(activity.Group{Number: number, AsOf: &asOf,
			Load: func() (*activity.Totals, error) { return &whole, nil }})
		if err != nil {
			return asOf, err
		}
	}
	return asOf, nil
}

// merge merges what was asked for and is over.
func (s *server) merge() {
	s.t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.store.MergeAsked(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// bare answers as s does, but from bins.
func (s *server) bare() *server {
	s.t.Helper()
	other := *s
	other.api = nil
	other.serveWith(activityapi.Config{Listeners: maxListeners, Guard: auth.Unguarded(),
		Limiter: ratelimit.Unlimited()}, unmerged{s.store})
	return &other
}

// restart opens the file anew.
func (s *server) restart() {
	s.t.Helper()
	s.closeAPI()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
	var err error
	if s.db, err = boltdb.Open(s.path, boltdb.Options{Format: activitystore.Format}); err != nil {
		s.t.Fatal(err)
	}
	s.store = s.open(def)
	s.ledgers = &ledgers{Store: s.store}
	s.serve(activityapi.Config{Listeners: maxListeners, Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited()})
}

// TestRange_OfMergedDaysIsWhatTheBinsSay counts random events, most of them backdated, restarts, swaps rebuilds and
// merges in between. Each answer is, to the byte, the one that is made of bins.
func TestRange_OfMergedDaysIsWhatTheBinsSay(t *testing.T) {
	zones := []string{"UTC", "Europe/London", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Europe/Paris",
		"America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll"}
	around := []time.Time{ // clocks change, a day is skipped, a month and a year end
		time.Date(2011, 12, 30, 0, 0, 0, 0, time.UTC), time.Date(2010, 10, 31, 0, 0, 0, 0, time.UTC),
		time.Date(2000, 10, 29, 0, 0, 0, 0, time.UTC), time.Date(2024, 3, 31, 0, 0, 0, 0, time.UTC),
		time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 18))
	s := newServer(t)
	middle := around[random.IntN(len(around))]
	s.wall.Set(middle.AddDate(0, 2, 0))
	s.progress.through = middle.AddDate(0, random.IntN(2), random.IntN(7)-3)
	counts := &randomEvents{random: random, middle: middle}
	apply := func() {
		if _, err := s.store.Apply(t.Context(), counts.batch()); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	for range 120 {
		switch random.IntN(20) {
		case 0:
			s.restart()
		case 1:
			s.progress.through = s.progress.through.Add(time.Duration(random.IntN(100)) * time.Hour)
		case 2:
			if len(counts.all) > 12 { // each is a transaction
				continue
			}
			counts.swap(t, s.store)
		case 3, 4, 5:
			apply()
		case 6, 7, 8:
			s.merge()
		default:
			from := activity.DateOf(middle) + activity.Date(random.IntN(7)-4)
			target := fmt.Sprintf("%s?from=%s&to=%s&tz=%s&by=%s", days, from, from+activity.Date(random.IntN(6)),
				zones[random.IntN(len(zones))], []string{"day", "week", "month"}[random.IntN(3)])
			bare := s.bare()
			got, want := s.do(http.MethodGet, target), bare.do(http.MethodGet, target)
			if body := s.get(target); body != bare.get(target) || got.Header.Get("ETag") != want.Header.Get("ETag") {
				t.Fatalf("%s\ngot  %s\nwant %s", target, body, bare.get(target))
			}
			bare.closeAPI()
		}
	}
	s.closeAPI()
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	checked, err := boltdb.CheckFile(t.Context(), s.path, activitystore.Check)
	if err != nil || len(checked.Faults) > 0 {
		t.Fatal(checked.Faults, err)
	}
}

// randomEvents makes events around a moment.
type randomEvents struct {
	random *rand.Rand
	middle time.Time
	next   int64
	all    []*activity.Batch
}

func (r *randomEvents) batch() *activity.Batch {
	b := &activity.Batch{Next: map[int32]activity.Position{}}
	for range 1 + r.random.IntN(100) {
		at := r.middle.Add(time.Duration(r.random.IntN(8000)-4000) * time.Minute)
		if at.Unix() < 0 {
			at = time.Unix(0, 0)
		}
		r.next++
		b.Messages = append(b.Messages, activity.Message{
			ID: fmt.Sprint(r.next), Partition: int32(r.next % 3), Offset: r.next, Timestamp: now,
			Event: activitytest.Order{
				ID: fmt.Sprint(r.next), At: at, Items: 2, Units: 5, Revenue: r.next,
				Customer: fmt.Sprint(r.random.IntN(900)),
				Country:  []string{"", "France", "Côte d'Ivoire", "<b>"}[r.random.IntN(4)],
				Currency: []string{"GBP", "EUR"}[r.random.IntN(2)],
			}.Event(),
		})
		b.Next[int32(r.next%3)] = activity.Position{Offset: r.next + 1}
	}
	r.all = append(r.all, b)
	return b
}

// swap counts other events at the same offsets, and swaps.
func (r *randomEvents) swap(t *testing.T, store *activitystore.Store) {
	t.Helper()
	again, err := store.BeginRebuild(t.Context(), parked.Decision{By: "a test"})
	for _, b := range r.all {
		for i := range b.Messages {
			b.Messages[i].Event.At = b.Messages[i].Event.At.Add(time.Hour)
		}
		if err == nil {
			_, err = again.Apply(t.Context(), b)
		}
	}
	var plan activitystore.SwapPlan
	if err == nil {
		plan, err = again.PlanSwap(t.Context(), nil)
	}
	if err == nil {
		_, err = again.Swap(t.Context(), plan, parked.Decision{By: "a test"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRange_ShowsABackdatedOrder asks for merged days, counts an order of one of them, and asks again.
func TestRange_ShowsABackdatedOrder(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-01T12:00:00Z", "GBP", 100)
	s.order("b", "2010-12-02T12:00:00Z", "GBP", 100)
	s.progress.through = now
	const target = days + "?from=2010-12-01&to=2010-12-02"
	for range 2 {
		if got := s.get(target); strings.Count(got, `"GBP":100}`) != 2 {
			t.Fatal(got)
		}
		s.merge()
	}
	s.order("c", "2010-12-01T09:00:00Z", "GBP", 20)
	if got := s.get(target); strings.Count(got, `"GBP":100}`) != 1 || strings.Count(got, `"GBP":120}`) != 1 {
		t.Error(got)
	}
}

// TestRange_ShowsASwap asks for days, swaps a rebuild that counted the same events an hour later, and asks again.
func TestRange_ShowsASwap(t *testing.T) {
	s := newServer(t)
	counts := &randomEvents{random: rand.New(rand.NewPCG(1, 19)), middle: time.Date(2010, 12, 1, 12, 0, 0, 0, time.UTC)}
	if _, err := s.store.Apply(t.Context(), counts.batch()); err != nil {
		t.Fatal(err)
	}
	s.progress.through = now
	for _, by := range []string{"day", "month"} {
		before := s.get(days + "?from=2010-11-27&to=2010-12-05&by=" + by)
		counts.swap(t, s.store)
		bare := s.bare()
		target := days + "?to=2010-12-05&from=2010-11-27&by=" + by // another question, so that no whole answer is known
		if got, want := s.get(target), bare.get(target); got != want || got == before {
			t.Errorf("%s\ngot  %s\nwant %s", target, got, want)
		}
		bare.closeAPI()
	}
}

// TestRange_IsOfOneMomentWhileEventsAreCounted asks by day and by month while events of today, of yesterday and of last
// month are counted. An answer has as many events as its offsets say, so nothing it has from memory is older or newer.
func TestRange_IsOfOneMomentWhileEventsAreCounted(t *testing.T) {
	s := newServer(t)
	s.progress.through = now.Add(-time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	counted := make(chan error, 1)
	go func() {
		var err error
		for number := int64(0); err == nil && ctx.Err() == nil; number++ {
			back := []int{0, 0, 0, 24, 0, 1, 24 * 30, 0}[number%8]
			_, err = s.store.Apply(t.Context(), &activity.Batch{
				Messages: []activity.Message{{
					ID: fmt.Sprint(number), Offset: number, Timestamp: now,
					Event: activitytest.Order{ID: fmt.Sprint(number), At: now.Add(-time.Duration(back) * time.Hour),
						Items: 1, Units: 1, Revenue: 1, Currency: "GBP", Country: fmt.Sprint(number % 5)}.Event(),
				}},
				Next: map[int32]activity.Position{0: {Offset: number + 1}},
			})
		}
		counted <- err
	}()
	type period struct {
		Count   int64
		Revenue map[string]int64
	}
	changed := map[int64]bool{}
	for i := 0; len(changed) < 60; i++ {
		if i%10 == 0 {
			s.merge()
		}
		by := []string{"day", "month"}[i%2]
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet,
			days+"?from=2025-10-01&to=2025-11-24&by="+by, nil))
		var answer struct {
			Days, Months []period
			AsOf         struct{ Offsets map[string]int64 } `json:"as_of"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		var count, revenue int64
		for _, p := range append(answer.Days, answer.Months...) {
			count, revenue = count+p.Count, revenue+p.Revenue["GBP"]
		}
		if want := answer.AsOf.Offsets["0"]; count != want || revenue != want {
			t.Fatalf("by %s: %d counted and a revenue of %d, and the offset is %d", by, count, revenue, want)
		}
		changed[count] = true
	}
	stop()
	if err := <-counted; err != nil {
		t.Fatal(err)
	}
}

// BenchmarkRange asks for 400 days of a million orders, after a commit each, in turns of merged days and of bins. It
// reports what one question costs, and the ratio.
//
//	go test -run - -bench BenchmarkRange ./activity/activityapi
func BenchmarkRange(b *testing.B) {
	const orders, each, count = 1_000_000, 400 * 6, 400
	path := filepath.Join(b.TempDir(), "activity.db")
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	wall := clock.NewManual(now)
	store, err := activitystore.Open(b.Context(), db, def, activitystore.Options{Clock: wall})
	if err != nil {
		b.Fatal(err)
	}
	today := activity.DateOf(now)
	first := time.Unix(int64(today-count+1)*86400, 0)
	number := 0
	apply := func(many int, at func(i int) time.Time) {
		batch := &activity.Batch{Next: map[int32]activity.Position{}}
		for i := range many {
			number++
			batch.Messages = append(batch.Messages, activity.Message{
				ID: fmt.Sprint("message ", number), Partition: int32(number % 6), Offset: int64(number), Timestamp: now,
				Event: activitytest.Order{
					ID: fmt.Sprint(number), At: at(i), Items: 3, Units: 20, Revenue: int64(number), Currency: "GBP",
					Customer: fmt.Sprint(number * 7919 % 50_000), Country: fmt.Sprint("country ", number%30),
				}.Event(),
			})
			batch.Next[int32(number%6)] = activity.Position{Offset: int64(number) + 1}
		}
		if _, err := store.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for from := 0; from < orders; from += each {
		apply(each, func(i int) time.Time {
			return first.Add(time.Duration(float64(from+i) / orders * count * float64(24*time.Hour)))
		})
	}
	serve := func(statistics activityapi.Statistics) *activityapi.API {
		return activityapi.New(activityapi.Config{
			Activities: []activityapi.Activity{{Definition: def, Statistics: statistics,
				Progress: &progress{known: true, through: first.AddDate(0, 0, count-1)}}},
			Zone: activity.UTC(), Clock: wall, Logger: zerolog.Nop(), Guard: auth.Unguarded(),
			Limiter: ratelimit.Unlimited(),
		})
	}
	apis := []*activityapi.API{serve(store), serve(unmerged{store})}
	ask := func(api *activityapi.API, by string) time.Duration {
		apply(1, func(int) time.Time { return now })
		w := httptest.NewRecorder()
		target := fmt.Sprintf("%s?from=%s&to=%s&by=%s", days, today-count+1, today, by)
		began := processorTime()
		api.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, target, nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
		return processorTime() - began
	}
	for _, by := range []string{"day", "month"} {
		b.Run(by, func(b *testing.B) {
			ask(apis[0], by)
			for more := true; more; {
				if more, err = store.MergeAsked(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			ask(apis[0], by)
			b.ReportAllocs()
			var merged, bins time.Duration
			rounds := 0
			for b.Loop() {
				for range 20 {
					merged += ask(apis[0], by) / 20
				}
				bins += ask(apis[1], by)
				rounds++
			}
			b.ReportMetric(float64(merged.Microseconds())/float64(rounds), "µs/merged")
			b.ReportMetric(float64(bins.Microseconds())/float64(rounds), "µs/bins")
			b.ReportMetric(float64(bins)/float64(merged), "ratio")
		})
	}
}

// processorTime is what the process has used.
func processorTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
