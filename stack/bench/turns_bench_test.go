package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/activity/declare"
	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// BenchmarkTurns has 64 clients without a key and 64 with one each ask an activity service that counted 200,000 orders
// for its page, days and ranges of 400 days, without a pause, for a minute or as long as ORDERTALLY_TURNS says. Beside
// them it asks for the health, on new connections, and for today, with another key. The service has one core, the
// clients the other. They are a process of their own, behind which the one that measures never waits.
//
// today-p99-ms is compared with idle-p99-ms, when nobody else asks. Both come from thousands of questions.
//
//	go test -run - -bench Turns -benchtime 1x ./stack/bench
func BenchmarkTurns(b *testing.B) {
	lasts := time.Minute
	if text := os.Getenv("ORDERTALLY_TURNS"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			b.Fatal(err)
		}
	}
	data := filepath.Join(b.TempDir(), "activity.db")
	keys := countedFile(b, data, turnsClients+1)
	pin(b, 1)
	dev := devbrokertest.Start(b, devbroker.Config{})
	makeTopic(b, dev.Addr(), event.Topic)
	service := onCoreZero(b, stacktest.Serving{Program: stacktest.ActivityProgram(b), Data: data, Kafka: dev.Addr()})
	clocktest.Eventually(b, "activity is ready",
		func() bool { return stacktest.Healthy("http://" + service.Ops + "/readyz") })
	ops, api := "http://"+service.Ops, service.URL()

	for range b.N {
		var idle, today, livez, readyz []time.Duration
		ctx, stop := context.WithTimeout(b.Context(), lasts/3)
		probe(ctx, b, api+turnsToday, keys[turnsClients], &idle)
		stop()
		ctx, stop = context.WithTimeout(b.Context(), lasts)
		asked := crowd(ctx, b, api, keys[:turnsClients])
		var all sync.WaitGroup
		all.Go(func() { probe(ctx, b, api+turnsToday, keys[turnsClients], &today) })
		all.Go(func() { probe(ctx, b, ops+"/livez", "", &livez) })
		all.Go(func() { probe(ctx, b, ops+"/readyz", "", &readyz) })
		all.Wait()
		stop()
		for name, value := range asked() {
			b.ReportMetric(value, name)
		}
		report := func(name string, p int, took []time.Duration) {
			b.ReportMetric(float64(percentile(took, p).Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", name, p))
		}
		report("livez", 99, livez)
		report("readyz", 99, readyz)
		report("idle", 50, idle)
		report("idle", 99, idle)
		report("today", 50, today)
		report("today", 99, today)
		b.ReportMetric(float64(percentile(today, 99))/float64(percentile(idle, 99)), "today/idle")
		b.ReportMetric(0, "ns/op")
	}
}

// probe asks for url, 5 ms after each answer, until ctx ends. It adds how long each answer took.
func probe(ctx context.Context, b *testing.B, url, key string, took *[]time.Duration) {
	b.Helper()
	ask := asker(b, url)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		waited, status := ask("", key)
		if status != http.StatusOK {
			b.Errorf("%s: %d", url, status)
		}
		*took = append(*took, waited)
		pause.Reset(5 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

const (
	turnsClients = 64 // of each kind
	turnsToday   = "/v1/activities/ORDER_CREATED/days/today"
)

// crowdEnv turns TestCrowd into the clients of BenchmarkTurns. It holds the address and the keys, separated by spaces.
const crowdEnv = "ORDERTALLY_CROWD"

// crowd starts the clients in their own process. It returns a function that ends them and tells how much they asked.
func crowd(ctx context.Context, b *testing.B, api string, keys []string) (asked func() map[string]float64) {
	b.Helper()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "10", program, "-test.run", "^TestCrowd$")
	cmd.Env = append(os.Environ(), crowdEnv+"="+api+" "+strings.Join(keys, " "))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said strings.Builder
	cmd.Stdout = &said
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return func() map[string]float64 {
		_ = cmd.Wait() // it was interrupted
		first, _, _ := strings.Cut(said.String(), "\n")
		var counts map[string]float64
		if err := json.Unmarshal([]byte(first), &counts); err != nil {
			b.Fatalf("the clients said %q", said.String())
		}
		return counts
	}
}

// TestCrowd is not a test. It runs the clients of BenchmarkTurns.
func TestCrowd(t *testing.T) {
	api, keys, found := strings.Cut(os.Getenv(crowdEnv), " ")
	if !found {
		t.Skip("BenchmarkTurns starts it")
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	began := time.Now()
	var all sync.WaitGroup
	var pages, answers, overloaded atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	for i, own := range strings.Fields(keys) {
		for _, key := range []string{"", own} {
			all.Go(func() {
				ask := asker(t, api)
				for n := i; ctx.Err() == nil; n++ {
					path := []string{"/",
						fmt.Sprintf("/v1/activities/ORDER_CREATED/days/2010-%02d-%02d", 1+n%12, 1+n%28), turnsToday,
						fmt.Sprintf("/v1/activities/ORDER_CREATED/days?from=2010-01-%02d&to=2011-01-31", 1+n%8)}[n%4]
					waited, status := ask(path, key)
					switch {
					case path == "/":
						pages.Add(1)
					case status == http.StatusServiceUnavailable:
						overloaded.Add(1)
					default:
						answers.Add(1)
					}
					if path == turnsToday && key != "" {
						mu.Lock()
						took = append(took, waited)
						mu.Unlock()
					}
				}
			})
		}
	}
	all.Wait()
	seconds := time.Since(began).Seconds()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"pages/s": float64(pages.Load()) / seconds, "answers/s": float64(answers.Load()) / seconds,
		"overloaded":     float64(overloaded.Load()),
		"clients-p99-ms": float64(percentile(took, 99).Microseconds()) / 1000,
	}); err != nil {
		t.Error(err)
	}
}

func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[min(len(all)*p/100, len(all)-1)]
}

// asker returns a function that asks on its own connections. The function returns how long the whole answer took, and
// its status.
func asker(b testing.TB, base string) func(path, key string) (time.Duration, int) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConns: 1}}
	return func(path, key string) (time.Duration, int) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, base+path, nil)
		if err != nil {
			b.Error(err)
			return 0, 0
		}
		auth.SetBearer(r, key)
		began := time.Now()
		response, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return time.Since(began), 0
		}
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if err != nil {
			b.Error(err)
		}
		if strings.HasSuffix(base, "z") {
			client.CloseIdleConnections()
		}
		return time.Since(began), response.StatusCode
	}
}

// countedFile makes the file of an activity service that counted 200,000 orders of 396 days. The file has that many
// keys, and their credentials are returned.
func countedFile(b *testing.B, path string, n int) (credentials []string) {
	b.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}()
	store, err := activitystore.Open(b.Context(), db, declare.OrderCreated(event.Topic), activitystore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	const orders, batch = 200_000, 5_000
	random := rand.New(rand.NewPCG(1, 1))
	first := time.Date(2010, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := 0; i < orders; i += batch {
		var messages []activity.Message
		for j := range batch {
			id := fmt.Sprint(i + j)
			at := first.AddDate(0, 0, random.IntN(396)).Add(time.Duration(random.IntN(12*3600)) * time.Second)
			messages = append(messages, activity.Message{
				ID: id, Timestamp: time.Now(), Event: activitytest.Order{
					ID: id, At: at, Items: 3, Units: 12, Currency: "GBP", Revenue: int64(random.IntN(100_000)),
					Customer: fmt.Sprint(random.IntN(4000)), Country: fmt.Sprint("country ", random.IntN(38)),
				}.Event(),
			})
		}
		if _, err := store.Apply(b.Context(), &activity.Batch{Messages: messages}); err != nil {
			b.Fatal(err)
		}
	}
	keys, err := auth.OpenKeys(b.Context(), db, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		_, credential, err := keys.New(b.Context(), fmt.Sprint("client-", i), []string{auth.StatsRead}, time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		credentials = append(credentials, credential)
	}
	return credentials
}
