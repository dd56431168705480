package orderapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
	"ordertally/shared/web/webpage"
)

// startCounting starts a service whose activity service is answered by serve. It returns the id of a published order.
func startCounting(t *testing.T, serve http.HandlerFunc) (service *apitest.Service, id string) {
	t.Helper()
	activity := httptest.NewServer(serve)
	t.Cleanup(activity.Close)
	service = apitest.New(t, clock.System{})
	service.ActivityURL = webpage.Address(activity.URL)
	service.Start()
	id, code, _ := places(t, service, body(goodLine))
	if code != "" {
		t.Fatal(code)
	}
	service.PublishWithout("sick")
	service.AwaitParked(0)
	return service, id
}

// countings is an answer, and counted what it says of one message.
type countings struct{ Messages []counted }

type counted struct {
	Type, State, Detail string
	CountedAt           time.Time `json:"counted_at"`
}

func counting(t *testing.T, service *apitest.Service, id string, key ...string) counted {
	t.Helper()
	c := get("/v1/orders/" + id + "/counting")
	if len(key) > 0 {
		c.header = http.Header{"Authorization": {"Bearer " + key[0]}}
	}
	resp, answer := c.do(t, service)
	var found countings
	if err := json.Unmarshal([]byte(answer), &found, json.MatchCaseInsensitiveNames(true)); err != nil ||
		resp.StatusCode != http.StatusOK ||
		len(found.Messages) != 1 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	return found.Messages[0]
}

// TestCounting_AsksTheActivityService asks with the caller's own key. A published message is asked for by its slot as
// well. One that is parked here cannot be counted there.
func TestCounting_AsksTheActivityService(t *testing.T) {
	at := time.Date(2026, 11, 27, 13, 51, 7, 506e6, time.UTC)
	asked := make(chan *http.Request, 10)
	service, id := startCounting(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Clone(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"activity":"ORDER_CREATED","message_id":"x","state":"counted","counted_at":"` +
			at.Format(time.RFC3339Nano) + `","known_by":"id","as_of":{}}`))
	})
	sick, _, _ := places(t, service, body(sickLine))
	service.AwaitParked(1)
	key := authtest.Key(t, service.Keys, auth.OrdersRead)
	if got := counting(t, service, id, key); got.State != "counted" ||
		!got.CountedAt.Equal(at) || got.Type != "ORDER_CREATED" || got.Detail != "" {
		t.Errorf("%+v", got)
	}
	r := <-asked
	if want := "/v1/activities/ORDER_CREATED/messages/"; !strings.HasPrefix(r.URL.Path, want) ||
		r.URL.Query().Get("sequence") != "1" || r.URL.Query().Get("lineage") != service.Outbox.Lineage() ||
		r.Header.Get("Authorization") != "Bearer "+key {
		t.Errorf("asked %s with %q", r.URL, r.Header.Get("Authorization"))
	}
	if got := counting(t, service, sick, key); got.State != "unknown" ||
		got.Detail != "The message is not published." || len(asked) != 0 {
		t.Errorf("parked: %+v, %d requests", got, len(asked))
	}
}

// TestCounting_SaysWhyItIsUnanswered has an activity service that refuses, and one that does not answer. The route
// waits for a second at most, and no other route waits at all.
func TestCounting_SaysWhyItIsUnanswered(t *testing.T) {
	status, hang, held := http.StatusOK, make(chan struct{}), make(chan struct{}, 100)
	service, id := startCounting(t, func(w http.ResponseWriter, _ *http.Request) {
		if status == 0 {
			held <- struct{}{}
			<-hang
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"type":"/problems/x","title":"x","code":"x","detail":"Its disk is full."}`))
	})
	for answer, want := range map[int]string{
		http.StatusUnauthorized:       "The activity service does not know the key.",
		http.StatusForbidden:          "The key may not read statistics.",
		http.StatusNotFound:           "The activity service does not count these messages.",
		http.StatusServiceUnavailable: "The activity service cannot tell: Its disk is full.",
	} {
		status = answer
		if got := counting(t, service, id); got.State != "unanswered" || got.Detail != want {
			t.Errorf("%d: %+v, want %q", answer, got, want)
		}
	}
	status = 0
	defer close(hang)
	const asking = 16
	late := make(chan counted, asking)
	for range asking {
		go func() {
			var c countings
			resp, err := http.Get(service.URL + "/v1/orders/" + id + "/counting")
			if err == nil {
				err = errors.Join(json.UnmarshalRead(resp.Body, &c, json.MatchCaseInsensitiveNames(true)),
					resp.Body.Close())
			}
			if err != nil || len(c.Messages) != 1 {
				t.Errorf("%+v, %v", c, err)
				c.Messages = []counted{{}}
			}
			late <- c.Messages[0]
		}()
	}
	for range asking {
		<-held
	}
	start := time.Now()
	if got := counting(t, service, id); !strings.Contains(got.Detail, "Too many") {
		t.Errorf("one too many: %+v", got)
	}
	if resp, answer := get("/v1/orders/"+id).do(t, service); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if len(late) != 0 {
		t.Errorf("the other routes waited for %s", time.Since(start))
	}
	for range asking {
		if got := <-late; got.State != "unanswered" || got.Detail != "The activity service does not answer." {
			t.Errorf("%+v", got)
		}
	}
}

func TestCounting_NeedsAnAddress(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	id, _, _ := places(t, service, body(goodLine))
	if got := counting(t, service, id); got.State != "unanswered" || !strings.Contains(got.Detail, "activity-url") {
		t.Errorf("%+v", got)
	}
}
