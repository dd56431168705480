package orderapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/web/problem"
)

// TestBatch_PlacesWhatSingleRequestsPlace sends the same orders alone to one service, and partly in batches to another.
// Few keys and references are used again and again, for equal orders and others. The outcomes are the same.
func TestBatch_PlacesWhatSingleRequestsPlace(t *testing.T) {
	alone, mixed := apitest.Start(t, clock.System{}), apitest.Start(t, clock.System{})
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		var ids [2]map[string]int // the first line that was answered with an order
		ids[0], ids[1] = map[string]int{}, map[string]int{}
		type outcome struct {
			status, first int
			code          string
			replayed      bool
		}
		var got [2][]outcome
		note := func(side, status int, id, code string, replayed bool) {
			at := len(got[side])
			first := at
			if before, known := ids[side][id]; known && id != "" {
				first = before
			}
			ids[side][id] = first
			got[side] = append(got[side], outcome{status, first, code, replayed})
		}
		place := func(service *apitest.Service, side int, key, order string) {
			c := post(order)
			if key != "" {
				c.header.Set("Idempotency-Key", key)
			}
			resp, answer := c.do(t, service)
			var a struct {
				problem.Problem
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(answer), &a); err != nil {
				rt.Fatal(err, answer)
			}
			note(side, resp.StatusCode, a.ID, a.Code, resp.Header.Get("Idempotent-Replayed") == "true")
		}
		var batch []string
		flush := func() {
			if len(batch) == 0 {
				return
			}
			for _, l := range batchOf(batch...).lines(t, mixed) {
				id := ""
				if l.Order != nil {
					id = l.Order.ID
				}
				note(1, l.Status, id, l.Problem.Code, l.Replayed)
			}
			batch = nil
		}
		var orders []string
		for range rapid.IntRange(1, 25).Draw(rt, "orders") {
			key, members := "", []string{fmt.Sprintf(`"customer_id":"%d"`, rapid.IntRange(1, 2).Draw(rt, "content"))}
			if n := rapid.IntRange(0, 3).Draw(rt, "key"); n > 0 {
				key = fmt.Sprintf("%d-%d", round, n)
			}
			if n := rapid.IntRange(0, 3).Draw(rt, "reference"); n > 0 {
				members = append(members, fmt.Sprintf(`"source":"s%d","reference":"%d"`, round, n))
			}
			lines := goodLine
			if rapid.IntRange(0, 9).Draw(rt, "fault") == 0 {
				lines = ""
			}
			text := body(lines, members...)
			orders = append(orders, key+" "+text)
			place(alone, 0, key, text)
			if rapid.Bool().Draw(rt, "in a batch") {
				if key != "" {
					text = `{"idempotency_key":"` + key + `",` + strings.TrimPrefix(text, "{")
				}
				batch = append(batch, text)
				continue
			}
			flush()
			place(mixed, 1, key, text)
		}
		flush()
		if fmt.Sprint(got[0]) != fmt.Sprint(got[1]) {
			rt.Fatalf("alone %+v\nmixed %+v\nof %s", got[0], got[1], strings.Join(orders, "\n"))
		}
	})
}
