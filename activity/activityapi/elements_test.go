package activityapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/web/openapi/openapitest"
)

// sold counts plain JSON orders. Each text has the members of one order, other than id and time.
func sold(t *testing.T, orders ...string) http.Handler {
	t.Helper()
	defs, err := declare.Parse("- {name: SOLD, topic: t, id: id, time: at, measures: {items: count(lines), revenue: " +
		"sum(total) by currency, units: sum(lines.quantity)}, dimensions: {sku: lines.sku, tag: tags}}")
	if err != nil {
		t.Fatal(err)
	}
	s := newFile(t)
	store := s.open(defs[0])
	batch := &activity.Batch{Next: map[int32]activity.Position{0: {Offset: 1}}}
	for i, members := range orders {
		m, poison := ingest.Decode(&defs[0],
			&activity.Parked{Timestamp: now,
				Value: fmt.Appendf(nil, `{"id":"%d","at":"2010-12-01T08:26:00Z",%s}`, i, members)})
		if poison != nil {
			t.Fatal(poison)
		}
		batch.Messages = append(batch.Messages, m)
	}
	if _, err := store.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	api := activityapi.New(activityapi.Config{
		Activities: []activityapi.Activity{
			{Definition: defs[0], Statistics: store, Progress: s.progress, Ledgers: store.Ledgers,
				Ledger: (&ledgers{Store: store}).ledger}},
		Zone: activity.UTC(), Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited(), Clock: clock.NewManual(now),
		Logger: zerolog.Nop(),
	})
	t.Cleanup(api.Close)
	return openapitest.Check(t, activityapi.Document(defs...), api)
}

// dimensions returns the dimensions of a day.
func dimensions(t *testing.T, h http.Handler) map[string][]map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/activities/SOLD/days/2010-12-01",
		nil))
	var answer struct{ Dimensions map[string][]map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	return answer.Dimensions
}

// TestDay_TellsWhatSells splits orders by the articles of their lines. An article has the number of its lines and their
// units, but no revenue, because that belongs to the order. A tag of the order has the sums of the order.
func TestDay_TellsWhatSells(t *testing.T) {
	got := dimensions(t, sold(t,
		`"total":700,"currency":"GBP","tags":["gift","new"],"lines":[{"sku":"mug","quantity":2},{"sku":"cup",`+
			`"quantity":1},{"sku":"mug","quantity":3}]`,
		`"total":5,"currency":"EUR","tags":["gift"],"lines":[{"sku":"mug","quantity":10},{"quantity":1}]`,
	))
	for name, want := range map[string]string{
		"sku": `[{"count":3,"units":15,"value":"mug"},{"count":1,"units":1,"value":""},{"count":1,"units":1,` +
			`"value":"cup"}]`,
		"tag": `[{"count":2,"revenue":{"EUR":5,"GBP":700},"units":17,"value":"gift"},{"count":1,` +
			`"revenue":{"GBP":700},"units":6,"value":"new"}]`,
	} {
		if text, err := json.Marshal(got[name]); err != nil || string(text) != want {
			t.Errorf("%s: %s\nwant %s", name, text, want)
		}
	}
}

// TestDay_SaysWhatWasNotToldApart counts more articles in a quarter hour than are told apart. The rest says how many
// lines were not.
func TestDay_SaysWhatWasNotToldApart(t *testing.T) {
	var lines []string
	for i := range 1200 {
		lines = append(lines, fmt.Sprintf(`{"sku":"s%d","quantity":2}`, i))
	}
	order := func(lines []string) string {
		return `"total":1,"currency":"GBP","lines":[` + strings.Join(lines, ",") + `]`
	}
	rows := dimensions(t, sold(t, order(lines[:700]), order(lines[700:])))["sku"]
	rest := rows[slices.IndexFunc(rows, func(row map[string]any) bool { return row["rest"] == true })]
	if len(rows) != 101 || rest["count"] != 1100.0 || rest["units"] != 2200.0 || rest["not_told_apart"] != 200.0 ||
		rest["revenue"] != nil {
		t.Errorf("%d rows, the rest %v", len(rows), rest)
	}
	rows = dimensions(t, sold(t, order(lines[:150])))["sku"]
	if rest := rows[100]; rest["count"] != 50.0 || rest["not_told_apart"] != nil {
		t.Errorf("the rest of a few: %v", rest)
	}
}
