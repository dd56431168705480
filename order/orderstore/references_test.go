package orderstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/order"
	"ordertally/shared/clock"
	"ordertally/shared/uuidv7"
)

func sourced(source, reference string, content byte) *order.Request {
	r := request(1, false)
	r.Hash = order.RequestHash{content}
	identify(r, source, reference, "")
	return r
}

func TestPlace_AReferenceOutlivesItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		defer f.maintain(time.Hour)()
		first := sourced("shop", "7", 1)
		first.Key = order.HashKey("", "k")
		id := f.place(first).ID
		// A key answered with somebody else's order is kept from that moment, not from when the order was placed.
		<-time.After(30 * time.Minute)
		later := sourced("shop", "7", 1)
		later.Key = order.HashKey("", "j")
		if placed := f.place(later); placed.ID != id || !placed.Replayed {
			t.Fatalf("another key: %+v", placed)
		}
		<-time.After(31 * time.Minute)
		synctest.Wait()
		other := sourced("shop", "8", 2)
		other.Key = later.Key
		if _, err := f.store.Place(t.Context(), other); !errors.Is(err, order.ErrKeyReused) {
			t.Fatalf("the key of the second request is forgotten: %v", err)
		}
		<-time.After(30 * time.Minute)
		synctest.Wait()
		for range 2 {
			if placed := f.place(first); placed.ID != id || !placed.Replayed {
				t.Fatalf("the first request once its key is forgotten: %+v", placed)
			}
			f.close()
			f.open()
		}
		if n := f.box.Backlog(); n != 1 {
			t.Fatalf("%d messages", n)
		}
	})
}

func TestList_OfAnIndexLooksAtNoOtherOrders(t *testing.T) {
	f := newFixture(t)
	const others = 11_000 // more than one page looks at
	id := f.place(sourced("shop", "7", 1)).ID
	if _, err := f.store.Cancel(t.Context(), cancelRequest(id, "k")); err != nil {
		t.Fatal(err)
	}
	var all []func() error
	for i := range others {
		all = append(all, func() error {
			_, err := f.store.Place(t.Context(), sourced("shop", fmt.Sprint("r", i), 1))
			return err
		})
	}
	atOnce(t, all)
	for _, q := range []order.Query{{Limit: 5, Reference: "7"}, {Limit: 5, Reference: "7", Source: "shop"},
		{Limit: 5, Status: order.StatusCancelled}, {Limit: 5, Status: order.StatusCancelled, Currency: "GBP"}} {
		if page, err := f.store.List(t.Context(), q); err != nil || len(page.Orders) != 1 || page.Orders[0].ID != id ||
			page.Next != (uuidv7.ID{}) {
			t.Errorf("%+v: %d orders, next %s, %v", q, len(page.Orders), page.Next, err)
		}
	}
	// Nothing is parked, so no order has to be looked at. Nobody knows that of a currency.
	for _, q := range []order.Query{{Limit: 5, Publication: order.Parked}, {Limit: 5, Currency: "EUR"}} {
		if page, err := f.store.List(t.Context(), q); err != nil || len(page.Orders) != 0 ||
			(page.Next == (uuidv7.ID{})) != (q.Currency == "") {
			t.Errorf("%+v: %d orders, next %s, %v", q, len(page.Orders), page.Next, err)
		}
	}
}

// atOnce calls many functions at a time, so that they share commits.
func atOnce(t *testing.T, all []func() error) {
	t.Helper()
	next := make(chan func() error)
	ended := make(chan error)
	const workers = 256
	for range workers {
		go func() {
			var err error
			for do := range next {
				err = errors.Join(err, do())
			}
			ended <- err
		}()
	}
	for _, do := range all {
		next <- do
	}
	close(next)
	for range workers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// model is what a store must answer. It knows keys while they are remembered, and references for ever.
type model struct {
	keys, references map[string]remembered
	orders           int
}

type remembered struct {
	content string
	id      uuidv7.ID
	used    time.Time
}

const modelRetention = time.Hour

// answer returns the expected answer: an error, the order of an earlier request, or the zero id for a new order.
func (m *model) answer(key, reference, content string) (uuidv7.ID, error) {
	if at, known := m.keys[key]; key != "" && known {
		if at.content != content {
			return uuidv7.ID{}, order.ErrKeyReused
		}
		return at.id, nil
	}
	if at, known := m.references[reference]; reference != "" && known {
		if at.content != content {
			return uuidv7.ID{}, order.ErrReferenceTaken
		}
		return at.id, nil
	}
	return uuidv7.ID{}, nil
}

func (m *model) place(key, reference, content string, placed order.Placed) {
	at := remembered{content, placed.ID, time.Now()}
	if _, known := m.keys[key]; key != "" && !known {
		m.keys[key] = at
	}
	if _, known := m.references[reference]; reference != "" && !known {
		m.references[reference] = at
	}
	if !placed.Replayed {
		m.orders++
	}
}

func (m *model) forget() {
	for key, at := range m.keys {
		if time.Since(at.used) > modelRetention {
			delete(m.keys, key)
		}
	}
}

// TestPlace_AnswersAsTheModel places orders from few callers, keys, sources, references and contents, in random
// spellings. Meanwhile keys are forgotten and the store is reopened. ORDERTALLY_ROUNDS is the number of seeds, 3 unless
// set.
func TestPlace_AnswersAsTheModel(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("ORDERTALLY_ROUNDS"))
	if err != nil {
		rounds = 3
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { answersAsTheModel(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func answersAsTheModel(t *testing.T, random *rand.Rand) {
	f := newFixture(t)
	m := model{keys: map[string]remembered{}, references: map[string]remembered{}}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	stop := f.maintain(modelRetention)
	defer func() { stop() }()
	byReference := map[string][]uuidv7.ID{}
	met := map[string]int{}
	for step := range 300 {
		switch random.IntN(12) {
		case 0: // keys are looked through every 10 s, so no key is near its end when it is asked for
			<-time.After(20*time.Minute + 30*time.Second)
			synctest.Wait()
			m.forget()
			continue
		case 1:
			stop()
			f.close()
			f.open()
			stop = f.maintain(modelRetention)
			continue
		}
		p, err := order.NewOrders(f.store, clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		caller, key := pick("", "a", "b"), pick("", "", "1", "2", "3", "4")
		source, reference, sku := pick("", "s", "t"), pick("", "1", "2", "3", "4", "5"), pick("x", "x", "x", "y")
		if reference == "" {
			source = ""
		}
		scoped, unique := "", ""
		if key != "" {
			scoped = caller + "/" + key
		}
		if source != "" {
			unique = source + "/" + reference
		}
		content := fmt.Sprintf("%s/%s/%s", source, reference, sku)
		want, wantErr := m.answer(scoped, unique, content)
		got, err := p.Place(t.Context(), []byte(spelled(random, source, reference, sku)), key,
			order.Origin{Caller: caller})
		if !errors.Is(err, wantErr) || err != nil && wantErr == nil {
			t.Fatalf("step %d, %s key %q: %v, want %v", step, content, scoped, err, wantErr)
		}
		if err != nil {
			met[wantErr.Error()]++
			continue
		}
		if fresh := want == (uuidv7.ID{}); got.Replayed == fresh || !fresh && got.ID != want {
			t.Fatalf("step %d, %s key %q: order %s, replayed %v; want %s", step, content, scoped, got.ID, got.Replayed,
				want)
		}
		met[fmt.Sprint("replayed ", got.Replayed)]++
		m.place(scoped, unique, content, got)
		if !got.Replayed && reference != "" {
			byReference[reference] = append([]uuidv7.ID{got.ID}, byReference[reference]...)
		}
	}
	for reference, want := range byReference {
		if got := f.list(order.Query{Limit: 7, Reference: reference}); !slices.Equal(got, want) {
			t.Errorf("reference %s: %d orders, want %d", reference, len(got), len(want))
		}
	}
	if got := f.list(order.Query{Limit: 200}); len(got) != m.orders || f.box.Backlog() != m.orders {
		t.Errorf("%d orders and %d messages, want %d", len(got), f.box.Backlog(), m.orders)
	}
	if len(met) != 4 {
		t.Errorf("not everything was met: %v", met)
	}
}

// spelled returns an order in one of many spellings.
func spelled(random *rand.Rand, source, reference, sku string) string {
	either := func(a, b string) string {
		if random.IntN(2) == 0 {
			return a
		}
		return b
	}
	line := []string{`"sku":` + either(`"`+sku+`"`, fmt.Sprintf(`"\u%04x"`, sku[0])),
		`"quantity":` + either("100", "1e2"), `"unit_price":` + either("1", "1.0")}
	random.Shuffle(len(line), func(i, j int) { line[i], line[j] = line[j], line[i] })
	members := []string{`"currency":"GBP"`, `"lines": [{` + strings.Join(line, either(",", " ,\n")) + `}]`,
		either(`"metadata":{}`, `"customer_id":""`)}
	if source != "" {
		members = append(members, `"source":"`+source+`"`)
	}
	if reference != "" {
		members = append(members, `"reference":"`+reference+`"`)
	}
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + "}"
}
