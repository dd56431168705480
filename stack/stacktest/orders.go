package stacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

const oneLine = `{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":100}]}`

// PlaceOrder posts one small order and returns the status.
func PlaceOrder(base, reference string) (status int, err error) {
	body := `{"reference":` + strconv.Quote(reference) + `,"currency":"EUR",` +
		`"lines":[{"sku":"a","quantity":2,"unit_price":150}]}`
	return post(context.Background(), base, "", body)
}

// post posts an order and returns the status. It goes on for half a minute if the service says that the machine is too
// busy, because other tests share its disk. Nothing is stored of an order that is refused so.
func post(ctx context.Context, base, key, body string) (status int, err error) {
	for until := time.Now().Add(30 * time.Second); ; {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/orders", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		r.Header.Set("Content-Type", "application/json")
		auth.SetBearer(r, key)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return response.StatusCode, err
		}
		var p problem.Problem
		busy := response.StatusCode == http.StatusServiceUnavailable && json.Unmarshal(answer, &p) == nil &&
			p.Code == web.CodeOverloaded
		if !busy || time.Now().After(until) {
			return response.StatusCode, nil
		}
		<-time.After(100 * time.Millisecond)
	}
}

// Place posts one order with these lines, given as JSON.
func (s *Services) Place(lines string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"currency":"GBP","lines":[%s]}`, lines)
	if status, err := post(s.t.Context(), s.OrderURL(), "", body); err != nil || status != http.StatusCreated {
		s.t.Errorf("status %d, %v", status, err)
	}
}

// PlaceWithKey posts one small order with an API key. "" means no key.
func PlaceWithKey(t testing.TB, base, key string) {
	t.Helper()
	if status, err := post(t.Context(), base, key, oneLine); err != nil || status != http.StatusCreated {
		t.Fatalf("status %d, %v", status, err)
	}
}

// Acknowledged records the ids of orders that were answered with 201.
type Acknowledged struct {
	mu  sync.Mutex
	IDs []string
}

// Place posts an order. It reports whether it was stored.
func (a *Acknowledged) Place(base string) bool {
	response, err := http.Post(base+"/v1/orders", "application/json", strings.NewReader(oneLine))
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var placed struct {
		ID string `json:"id"`
	}
	if response.StatusCode != http.StatusCreated || json.NewDecoder(response.Body).Decode(&placed) != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.IDs = append(a.IDs, placed.ID)
	return true
}

// InTopicOnce waits until everything acknowledged is in the topic. It checks that each is there once, by order and by
// lineage and slot.
func (a *Acknowledged) InTopicOnce(t testing.TB, address string) {
	t.Helper()
	subjects, slots := map[string]int{}, map[string]int{}
	clocktest.Eventually(t, "all acknowledged orders are in the topic", func() bool {
		clear(subjects)
		clear(slots)
		for _, record := range brokertest.ReadAll(t, address, event.Topic) {
			envelope, err := cloudevent.Parse(record.Headers)
			if err != nil {
				t.Fatal(err)
			}
			subjects[envelope.Subject]++
			slots[fmt.Sprint(envelope.Lineage, envelope.Sequence)]++
		}
		return !slices.ContainsFunc(a.IDs, func(id string) bool { return subjects[id] == 0 })
	})
	for id, n := range subjects {
		if n != 1 || !slices.Contains(a.IDs, id) {
			t.Errorf("order %s is in the topic %d times; acknowledged: %t", id, n, slices.Contains(a.IDs, id))
		}
	}
	for slot, n := range slots {
		if n != 1 {
			t.Errorf("lineage and slot %s name %d messages", slot, n)
		}
	}
}

// Noise returns n random letters and digits. They are too many for a topic's limit even when they are compressed: by a
// quarter at most.
func Noise(random *rand.Rand, n int) string {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, n)
	for i := range text {
		text[i] = characters[random.IntN(len(characters))]
	}
	return string(text)
}
