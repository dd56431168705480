//go:build crash

package faults_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	drillRate    = 200 // orders a second
	drillWorkers = 8
	repeatEvery  = 20 // orders of which one is a repeat of an earlier one
)

// drillLoad places orders at a steady rate. Each has a key of its own, and one in twenty is sent again. It keeps every
// answer outside the services.
type drillLoad struct {
	t      testing.TB
	client http.Client
	url    atomic.Pointer[string] // of the order service; changes when it is replaced

	mu     sync.Mutex
	random *rand.Rand
	keys   []*drillKey
}

// drillKey is an idempotency key and what it was answered.
type drillKey struct {
	name     string
	body     string
	placedAt time.Time
	total    int64
	answers  []drillAnswer // under drillLoad.mu
}

type drillAnswer struct {
	id         string
	durability string
}

func newDrillLoad(t testing.TB, random *rand.Rand) *drillLoad {
	t.Helper()
	l := &drillLoad{t: t, random: random}
	l.client = http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: drillWorkers},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(l.client.CloseIdleConnections)
	return l
}

// next returns a new key, or now and then an earlier one.
func (l *drillLoad) next() *drillKey {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) > 0 && l.random.IntN(repeatEvery) == 0 {
		return l.keys[l.random.IntN(len(l.keys))]
	}
	n := len(l.keys)
	k := &drillKey{
		name: fmt.Sprintf("%s-%d", l.t.Name(), n), total: 1 + l.random.Int64N(10_000),
		placedAt: time.Now().UTC().Add(-time.Duration(l.random.Int64N(int64(72 * time.Hour)))).Truncate(
			time.Millisecond),
	}
	k.body = fmt.Sprintf(`{"reference":"%d","customer_id":"c%d","currency":"EUR","placed_at":%q,`+
		`"lines":[{"sku":"s%d","quantity":1,"unit_price":%d}]}`,
		n, n%97, k.placedAt.Format(time.RFC3339Nano), n%31, k.total)
	l.keys = append(l.keys, k)
	return k
}

// during places orders while act runs.
func (l *drillLoad) during(act func()) {
	l.t.Helper()
	stop := make(chan struct{})
	work := make(chan *drillKey)
	var workers sync.WaitGroup
	for range drillWorkers {
		workers.Go(func() {
			for k := range work {
				l.send(k)
			}
		})
	}
	workers.Go(func() {
		defer close(work)
		tick := time.NewTicker(time.Second / drillRate)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				work <- l.next()
			}
		}
	})
	defer workers.Wait()
	defer close(stop)
	act()
}

// send places the order of a key once. A failure is no error, because services are killed meanwhile.
func (l *drillLoad) send(k *drillKey) (placed bool) {
	request, err := http.NewRequest(http.MethodPost, *l.url.Load()+"/v1/orders", strings.NewReader(k.body))
	if err != nil {
		l.t.Error(err)
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", k.name)
	response, err := l.client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		ID string `json:"id"`
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	switch {
	case response.StatusCode >= http.StatusInternalServerError, err != nil:
		return false
	case response.StatusCode != http.StatusCreated:
		l.t.Errorf("key %s: %s", k.name, response.Status)
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k.answers = append(k.answers, drillAnswer{answer.ID, response.Header.Get("Order-Durability")})
	return true
}

// acknowledged returns how many keys have had an answer.
func (l *drillLoad) acknowledged() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.keys {
		if len(k.answers) > 0 {
			n++
		}
	}
	return n
}

// finish sends every key once more. Afterwards each of them has exactly one order that counts.
func (l *drillLoad) finish() {
	l.t.Helper()
	work := make(chan *drillKey)
	var workers sync.WaitGroup
	for range drillWorkers {
		workers.Go(func() {
			for k := range work {
				if !l.send(k) && !l.send(k) {
					l.t.Errorf("key %s is not answered", k.name)
				}
			}
		})
	}
	for _, k := range l.keys {
		work <- k
	}
	close(work)
	workers.Wait()
}

// missing returns the ids that were acknowledged and are found no more. An order that was superseded is found: its id
// leads to the other one.
func (l *drillLoad) missing() (ids []string) {
	l.t.Helper()
	for _, k := range l.keys {
		seen := map[string]bool{}
		for _, a := range k.answers {
			seen[a.id] = true
		}
		for _, id := range slices.Sorted(maps.Keys(seen)) {
			response, err := l.client.Get(*l.url.Load() + "/v1/orders/" + id)
			if err != nil {
				l.t.Fatal(err)
			}
			_ = response.Body.Close()
			switch response.StatusCode {
			case http.StatusOK, http.StatusPermanentRedirect:
			case http.StatusNotFound:
				ids = append(ids, id)
			default:
				l.t.Errorf("order %s: %s", id, response.Status)
			}
		}
	}
	return ids
}
