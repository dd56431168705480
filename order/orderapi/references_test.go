package orderapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
)

// named is an order with a source and a reference.
func named(source, reference string, members ...string) string {
	return body(goodLine, append([]string{`"source":"` + source + `"`, `"reference":"` + reference + `"`},
		members...)...)
}

// places places one order. It returns the id, the code of a refusal, and whether it is a replay.
func places(t *testing.T, service *apitest.Service, text string, header ...string) (id, code string, replayed bool) {
	t.Helper()
	resp, answer := post(text, header...).do(t, service)
	if resp.StatusCode != http.StatusCreated {
		_, code, _ = strings.Cut(answer, `"code":"`)
		code, _, _ = strings.Cut(code, `"`)
		return "", fmt.Sprint(resp.StatusCode, " ", code), false
	}
	return strings.TrimPrefix(resp.Header.Get("Location"), "/v1/orders/"), "",
		resp.Header.Get("Idempotent-Replayed") == "true"
}

func TestPlace_ASourceAndReferencePlaceOneOrder(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	first, code, replayed := places(t, service, named("shop", "7", `"customer_id":"c"`), "Idempotency-Key", "k")
	if code != "" || replayed {
		t.Fatalf("the first: %s, replayed %v", code, replayed)
	}
	for name, c := range map[string]struct {
		body, key string
		want      string
	}{
		"another key": {named("shop", "7", `"customer_id":"c"`), "other", ""},
		"no key":      {named("shop", "7", `"customer_id":"c"`), "", ""},
		"other spelling, no key": {`{"customer_id":"\u0063","reference":"\u0037","source":"sh\u006fp",` +
			`"metadata":{},"lines":[{"unit_price":1.0,"quantity":1e0,"description":"","sku":"a"}],` +
			`"currency":"GBP"}`, "", ""},
		"another customer, no key": {named("shop", "7", `"customer_id":"d"`), "", "409 reference_taken"},
		"another customer":         {named("shop", "7", `"customer_id":"d"`), "third", "409 reference_taken"},
		"a time more": {named("shop", "7", `"customer_id":"c","placed_at":"2026-05-01T12:00:00Z"`), "",
			"409 reference_taken"},
		"the same key":       {named("shop", "7", `"customer_id":"d"`), "k", "422 idempotency_key_reused"},
		"a source alone":     {body(goodLine, `"source":"shop"`), "", "422 invalid_order"},
		"an empty source":    {named("", "7"), "", "422 invalid_order"},
		"an empty reference": {named("shop", ""), "", "422 invalid_order"},
	} {
		id, code, replayed := places(t, service, c.body, keyHeader(c.key)...)
		if code != c.want || c.want == "" && (id != first || !replayed) {
			t.Errorf("%s: %s, order %s, replayed %v; want %q, %s", name, code, id, replayed, c.want, first)
		}
	}
	for name, text := range map[string]string{
		"another source":               named("till", "7", `"customer_id":"c"`),
		"another reference":            named("shop", "77", `"customer_id":"c"`),
		"no source":                    body(goodLine, `"reference":"7","customer_id":"c"`),
		"no source again":              body(goodLine, `"reference":"7","customer_id":"c"`),
		"the same text, cut elsewhere": named("shop7", "7", `"customer_id":"c"`),
	} {
		if id, code, replayed := places(t, service, text); code != "" || replayed || id == first {
			t.Errorf("%s: %s, replayed %v", name, code, replayed)
		}
	}
}

func keyHeader(key string) []string {
	if key == "" {
		return nil
	}
	return []string{"Idempotency-Key", key}
}

func TestPlace_AKeyThatWasAnsweredStaysWithItsOrder(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	first, _, _ := places(t, service, named("shop", "7"))
	if id, code, replayed := places(t, service, named("shop", "7"), "Idempotency-Key", "k"); id != first ||
		code != "" || !replayed {
		t.Fatalf("%s %s, replayed %v", id, code, replayed)
	}
	before := service.Transactions()
	for name, text := range map[string]string{"another reference": named("shop", "8"), "no reference": body(goodLine),
		"another content": named("shop", "7", `"customer_id":"c"`)} {
		if _, code, _ := places(t, service, text, "Idempotency-Key", "k"); code != "422 idempotency_key_reused" {
			t.Errorf("%s under the key: %s", name, code)
		}
	}
	if id, code, replayed := places(t, service, named("shop", "7"), "Idempotency-Key", "k"); id != first ||
		code != "" || !replayed {
		t.Errorf("the same again: %s %s, replayed %v", id, code, replayed)
	}
	if after := service.Transactions(); after != before {
		t.Errorf("%d transactions were written", after-before)
	}
}

func TestPlace_AReferenceIsTakenWhoeverAsks(t *testing.T) {
	s := apitest.Start(t, clock.NewManual(now))
	shop := authtest.Key(t, s.Keys, auth.OrdersWrite, auth.OrdersBackfill)
	_, till, err := s.Keys.New(t.Context(), "till", []string{auth.OrdersWrite}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	old := named("shop", "7", `"placed_at":"2010-12-01T08:26:00Z"`)
	_, first, _, _ := placeAs(t, s, shop, "k", old)
	// The till may not place orders of the past, and places none.
	for _, key := range []string{"", "k", "j"} {
		if status, id, code, replayed := placeAs(t, s, till, key, old); status != http.StatusCreated || id != first ||
			!replayed {
			t.Errorf("key %q: %d %s %s, replayed %v", key, status, code, id, replayed)
		}
	}
	if status, _, code, _ := placeAs(t, s, till, "",
		strings.Replace(old, "08:26", "08:27", 1)); status != http.StatusConflict || code != "reference_taken" {
		t.Errorf("other content: %d %s", status, code)
	}
	if status, _, code, _ := placeAs(t, s, till, "",
		strings.Replace(old, `"7"`, `"8"`, 1)); status != http.StatusForbidden {
		t.Errorf("a new order of the past: %d %s", status, code)
	}
}

func TestPlace_ManyAtOncePlaceAReferenceOnce(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	var mu sync.Mutex
	ids, fresh, taken := map[string]int{}, 0, 0
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			// Two contents, with and without keys. Whichever comes first becomes the order.
			id, code, replayed := places(t, service, named("shop", "7", fmt.Sprintf(`"customer_id":"%d"`, i%2)),
				keyHeader(strings.Repeat("k", i%5))...)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case code == "409 reference_taken" || code == "422 idempotency_key_reused":
				taken++
			case code != "":
				t.Error(code)
			default:
				ids[id]++
				if !replayed {
					fresh++
				}
			}
		})
	}
	wait.Wait()
	page, err := service.Store.List(t.Context(), order.Query{Limit: 5})
	if err != nil || len(page.Orders) != 1 || len(ids) != 1 || fresh != 1 || taken < 16 {
		t.Fatalf("%d orders, %d ids, %d fresh, %d taken, %v", len(page.Orders), len(ids), fresh, taken, err)
	}
}

func TestPlace_BodiesOfOneKeyAreComparedAsValues(t *testing.T) {
	first := `{"reference":"r","customer_id":"é","currency":"GBP","lines":[{"sku":"a","quantity":2,` +
		`"unit_price":1250,"description":"x"},{"sku":"b","quantity":1,"unit_price":0}],` +
		`"placed_at":"2026-05-01T10:00:00Z","metadata":{"a":"1","b":"2"}}`
	service := apitest.Start(t, clock.NewManual(now))
	keys := 0
	for name, change := range map[string][2]string{
		"the same":                  {"", ""},
		"white space":               {",", " ,\n\t"},
		"order of members":          {`"reference":"r","customer_id":"é"`, `"customer_id":"é","reference":"r"`},
		"order of members of lines": {`"quantity":2,"unit_price":1250`, `"unit_price":1250,"quantity":2`},
		"order of metadata":         {`"a":"1","b":"2"`, `"b":"2","a":"1"`},
		"2.0 for 2":                 {`"quantity":2,`, `"quantity":2.0,`},
		"1.25e3 for 1250":           {`:1250`, `:1.25e3`},
		"escapes":                   {`é`, `\u00e9`},
		"escapes in names":          {`"sku"`, `"\u0073ku"`},
		"another offset":            {`2026-05-01T10:00:00Z`, `2026-05-01T12:00:00.000+02:00`},
		"lower case":                {`2026-05-01T10:00:00Z`, `2026-05-01t10:00:00z`},
		"an empty text":             {`"sku":"b"`, `"sku":"b","description":""`},

		"! another quantity":      {`"quantity":2,`, `"quantity":3,`},
		"! another price":         {`:1250`, `:1251`},
		"! another time":          {`10:00:00Z`, `10:00:00.000000001Z`},
		"! no time":               {`"placed_at":"2026-05-01T10:00:00Z",`, ``},
		"! another description":   {`"x"`, `"X"`},
		"! moved description":     {`"description":"x"},{"sku":"b"`, `"description":""},{"sku":"b","description":"x"`},
		"! lines turned round":    {`"sku":"a"`, `"sku":"b"`},
		"! another customer":      {`é`, `e\u0301`},
		"! a text moved":          {`"reference":"r","customer_id":"é"`, `"reference":"ré"`},
		"! another entry":         {`"b":"2"`, `"b":"3"`},
		"! an entry's other name": {`"b":"2"`, `"c":"2"`},
		"! an entry less":         {`,"b":"2"`, ``},
		"! another currency":      {`GBP`, `EUR`},
		"! a source":              {`{"reference"`, `{"source":"s","reference"`},
	} {
		t.Run(name, func(t *testing.T) {
			keys++
			key := fmt.Sprint("k", keys)
			id, code, _ := places(t, service, first, "Idempotency-Key", key)
			if code != "" {
				t.Fatal(code)
			}
			other := strings.Replace(first, change[0], change[1], 1)
			if name == "white space" {
				other = strings.ReplaceAll(first, change[0], change[1])
			}
			again, code, replayed := places(t, service, other, "Idempotency-Key", key)
			if strings.HasPrefix(name, "!") {
				if code != "422 idempotency_key_reused" {
					t.Errorf("%s: %s %s", other, again, code)
				}
			} else if code != "" || again != id || !replayed {
				t.Errorf("%s: %s %s, replayed %v", other, again, code, replayed)
			}
		})
	}
}

// A time ahead of the clock is placed as now. A retry must not change that.
func TestPlace_ARetryOfATimeAheadIsAReplay(t *testing.T) {
	at := clock.NewManual(now)
	service := apitest.Start(t, at)
	ahead := named("shop", "7", `"placed_at":"`+now.Add(3*time.Second).Format(time.RFC3339Nano)+`"`)
	first, code, _ := places(t, service, ahead, "Idempotency-Key", "k")
	if code != "" {
		t.Fatal(code)
	}
	at.Advance(time.Second)
	for _, key := range []string{"k", "", "j"} {
		if id, code, replayed := places(t, service, ahead, keyHeader(key)...); id != first || code != "" || !replayed {
			t.Errorf("key %q: %s %s, replayed %v", key, id, code, replayed)
		}
	}
}

func TestList_FindsOrdersByReference(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	place := func(text string) string {
		t.Helper()
		id, code, _ := places(t, service, text)
		if code != "" {
			t.Fatal(code)
		}
		return id
	}
	shop, till := place(named("shop", "a & b", `"customer_id":"c"`)), place(named("till", "a & b", `"customer_id":"d"`))
	var free []string
	for i := range 5 {
		free = append([]string{place(body(goodLine, `"reference":"a & b"`, fmt.Sprintf(`"customer_id":"%d"`, i%2)))},
			free...)
	}
	place(body(goodLine, `"reference":"a & bc"`))
	place(body(goodLine))
	for query, want := range map[string][]string{
		"reference=a+%26+b":                                            append(slices.Clone(free), till, shop),
		"reference=a+%26+b&limit=3":                                    append(slices.Clone(free), till, shop),
		"reference=a+%26+b&source=shop":                                {shop},
		"reference=a+%26+b&source=till&limit=1":                        {till},
		"reference=a+%26+b&source=web":                                 {},
		"reference=a":                                                  {},
		"reference=a+%26+b&customer_id=c":                              {shop},
		"reference=a+%26+b&customer_id=1&limit=1":                      {free[1], free[3]},
		"source=shop&reference=a+%26+b&customer_id=d":                  {},
		"source=shop&reference=a+%26+b&placed_to=2010-12-01T00:00:00Z": {},
		"reference=a+%26+b&placed_to=2010-12-01T00:00:00Z":             {},
	} {
		if got := listed(t, service, "/v1/orders?"+query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, query := range []string{
		"source=shop", "reference=", "source=&reference=a", "reference=a%00b", "reference=" + strings.Repeat("r", 129),
		"reference=a&source=" + strings.Repeat("s", 65), "reference=a&reference=b", "source=%ff&reference=a",
	} {
		if resp, answer := get("/v1/orders?"+query).do(t, service); resp.StatusCode != http.StatusBadRequest ||
			!strings.Contains(answer, "invalid_parameter") {
			t.Errorf("%s: %d %s", query, resp.StatusCode, answer)
		}
	}
	resp, _ := get("/v1/orders?limit=1&reference="+url.QueryEscape("a & b")).do(t, service)
	next := strings.Trim(strings.Split(resp.Header.Get("Link"), ";")[0], "<>")
	if resp, answer := get(strings.Replace(next, "reference=a+%26+b", "reference=a", 1)).do(t,
		service); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a cursor of another reference: %d %s", resp.StatusCode, answer)
	}
}

// listed follows the pages and returns the ids.
func listed(t *testing.T, service *apitest.Service, path string) []string {
	t.Helper()
	ids := []string{}
	for path != "" {
		resp, answer := get(path).do(t, service)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, answer)
		}
		for part := range strings.SplitSeq(answer, `{"id":"`) {
			if id, _, ok := strings.Cut(part, `"`); ok && len(id) == 36 {
				ids = append(ids, id)
			}
		}
		path = strings.Trim(strings.Split(resp.Header.Get("Link"), ";")[0], "<>")
	}
	return ids
}

func TestGet_SaysWhoPlacedAnOrder(t *testing.T) {
	s := apitest.Start(t, clock.NewManual(now))
	_, nobodys, _, _ := placeAs(t, s, "", "", small)
	shop := authtest.Key(t, s.Keys, auth.OrdersWrite)
	_, till, err := s.Keys.New(t.Context(), "till-1", []string{auth.OrdersWrite, auth.OrdersRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	asked := func(credential, path string) string {
		c := get(path)
		c.header = http.Header{"Authorization": {"Bearer " + credential}}
		_, answer := c.do(t, s)
		return answer
	}
	c := post(named("shop", "7"), "Authorization", "Bearer "+till)
	resp, answer := c.do(t, s)
	id := strings.TrimPrefix(resp.Header.Get("Location"), "/v1/orders/")
	if resp.StatusCode != http.StatusCreated || strings.Contains(answer, "placed_by") {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	c = post(named("shop", "7"), "Authorization", "Bearer "+shop) // a replay of what the first one placed
	if resp, answer := c.do(t, s); resp.Header.Get("Idempotent-Replayed") != "true" ||
		strings.Contains(answer, "placed_by") {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	for _, path := range []string{"/v1/orders/" + id, "/v1/orders?limit=1"} {
		if got := asked(till, path); !strings.Contains(got, `"placed_by":"key:till-1"`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := asked(till, "/v1/orders/"+nobodys); strings.Contains(got, "placed_by") {
		t.Errorf("nobody's: %s", got)
	}
	s.Stop()
	s.Start()
	if got := asked(till, "/v1/orders/"+id); !strings.Contains(got, `"placed_by":"key:till`) {
		t.Errorf("after a restart: %s", got)
	}
}
