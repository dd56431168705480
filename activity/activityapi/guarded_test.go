package activityapi_test

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitytest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/parked"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
	"ordertally/shared/web/hostiletest"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/openapi/openapitest"
)

// guarded is the API as the service runs it: with keys in the activity's file, with limits, and on the service's
// listener. The file has counted days. It has parked and late messages and a conflict of ORDER_CREATED, and a parked
// message of ORDER_CANCELLED.
type guarded struct {
	*server
	addr     string
	keys     *auth.Keys
	clock    *clock.Manual // the clock of the keys
	registry *prometheus.Registry

	parked, late, conflict, cancelled string // the id of an entry in each
}

// callerBurst is how many requests one caller may send during a test. The operator of a table needs fewer.
const callerBurst = 2000

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{server: newFile(t), clock: clock.NewManual(now), registry: prometheus.NewRegistry()}
	g.order("a", "2010-12-01T12:00:00Z", "GBP", 100)
	g.order("b", "2010-12-02T12:00:00Z", "EUR", 50)
	g.order("c", now.Add(-time.Hour).Format(time.RFC3339), "GBP", 5)
	g.park()
	tomorrow := now.Add(48 * time.Hour) // late: no clock here gives that time to a record
	late := activity.Message{
		ID: "late", Partition: 1, Offset: 12, Timestamp: tomorrow,
		Event: activitytest.Order{ID: "late", At: now, Currency: "GBP"}.Event(),
		Raw: &activity.Parked{Partition: 1, Offset: 12, Timestamp: tomorrow,
			Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: []byte("late")}}},
	}
	conflict := late // a was counted with other content
	conflict.ID, conflict.Offset, conflict.Timestamp, conflict.Content = "a", 13, now, [8]byte{1}
	conflict.Raw = &activity.Parked{Partition: 1, Offset: 13, Timestamp: now,
		Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: []byte("a")}}}
	if _, err := g.store.Apply(t.Context(), &activity.Batch{Messages: []activity.Message{late, conflict}}); err != nil {
		t.Fatal(err)
	}
	other := def
	other.Name, other.Topic = "ORDER_CANCELLED", "cancelled"
	theirs := &server{t: t, store: g.open(other)}
	sick := activity.Parked{Partition: 3, Offset: 7, Timestamp: now, Value: []byte("theirs"),
		Poison: activity.Poison{Reason: activity.ReasonMalformed, Detail: "why"}}
	if _, err := theirs.store.Apply(t.Context(), &activity.Batch{Parked: []activity.Parked{sick}}); err != nil {
		t.Fatal(err)
	}
	g.parked, g.late, g.cancelled = g.entry(activity.ParkedLedger), g.entry(activity.LateLedger),
		theirs.entry(activity.ParkedLedger)
	g.conflict = g.entry(activity.ConflictLedger)

	var err error
	if g.keys, err = auth.OpenKeys(t.Context(), g.db, g.clock); err != nil {
		t.Fatal(err)
	}
	const endless = 1e6 * time.Second
	g.serve(activityapi.Config{
		Activities: []activityapi.Activity{
			{Definition: other, Statistics: theirs.store, Progress: g.progress,
				Ledgers: theirs.store.Ledgers, Ledger: (&ledgers{Store: theirs.store}).ledger}},
		Guard: &auth.Guard{Keys: g.keys},
		Limiter: ratelimit.New(ratelimit.Config{PerCaller: callerBurst / endless.Seconds(), PerAddress: 1,
			Burst: endless}, g.registry),
	})
	front := web.Front{Metrics: web.NewMetrics(g.registry), Tracing: &tracing.Tracing{}, Logger: zerolog.Nop()}
	web := web.New(web.Config{
		Addr: "127.0.0.1:0", Handler: openapitest.Check(t, activityapi.Document(), front.Wrap(g.api)),
	}, zerolog.Nop())
	if err := web.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := web.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	g.addr = web.Addr()
	return g
}

// entry returns the id of the first entry of a ledger.
func (s *server) entry(ledger activity.Ledger) string {
	s.t.Helper()
	page, err := s.store.Ledger(ledger, nil).List(s.t.Context(), parked.Filter{}, "", 1)
	if err != nil || len(page.Messages) != 1 {
		s.t.Fatalf("the %s ledger has %v, %v", ledger, page, err)
	}
	return page.Messages[0].ID
}

// key returns a key with those scopes. It counts as a caller of its own.
func (g *guarded) key(name string, scopes ...string) string {
	g.t.Helper()
	_, credential, err := g.keys.New(g.t.Context(), name, scopes, time.Time{})
	if err != nil {
		g.t.Fatal(err)
	}
	return credential
}

// exhaust uses up a caller's limit. No capacity comes back during a test.
func (g *guarded) exhaust(credential string) {
	g.t.Helper()
	for range callerBurst {
		r := httptest.NewRequestWithContext(g.t.Context(), http.MethodGet, "/v1/activities", nil)
		auth.SetBearer(r, credential)
		w := httptest.NewRecorder()
		if g.api.ServeHTTP(w, r); w.Code != http.StatusOK {
			g.t.Fatalf("within the limit: %d %s", w.Code, w.Body)
		}
	}
}

// question is a request that needs a scope.
type question struct{ line, body, scope string }

const (
	oneBody = `{"reason":"x"}`
	allBody = `{"reason":"x","all":true}`
)

// questions returns a request for each route that needs a scope.
func (g *guarded) questions() []question {
	const base = "GET /v1/activities"
	all := []question{{base, "", auth.StatsRead}}
	for path, scope := range map[string]string{
		"/days/2010-12-01": auth.StatsRead, "/days/today/minutes": auth.StatsRead,
		"/days?from=2010-12-01&to=2010-12-02": auth.StatsRead, "/live": auth.StatsRead,
		"/messages/a": auth.StatsRead, "/digests?from=2010-12-01&to=2010-12-02": auth.OpsRead, "/audit": auth.OpsRead,
		"/parked": auth.OpsRead, "/parked/export": auth.OpsRead, "/parked/" + g.parked: auth.OpsRead,
		"/late": auth.OpsRead, "/late/export": auth.OpsRead, "/late/" + g.late: auth.OpsRead,
		"/conflicts": auth.OpsRead, "/conflicts/export": auth.OpsRead, "/conflicts/" + g.conflict: auth.OpsRead,
	} {
		all = append(all, question{base + "/ORDER_CREATED" + path, "", scope})
	}
	for _, d := range g.decisions() {
		all = append(all, question{d.line, d.body, auth.OpsWrite})
	}
	return all
}

// decision is a request that decides about messages.
type decision struct {
	line, body    string
	one, discards bool
}

func (g *guarded) decisions() (all []decision) {
	for ledger, verb := range map[string]string{"parked": "retry", "late": "accept", "conflicts": "accept"} {
		id := map[string]string{"parked": g.parked, "late": g.late, "conflicts": g.conflict}[ledger]
		for _, word := range []string{verb, "discard"} {
			at := "POST /v1/activities/ORDER_CREATED/" + ledger + "/"
			all = append(all, decision{at + word, allBody, false, word == "discard"},
				decision{at + id + "/" + word, oneBody, true, word == "discard"})
		}
	}
	return all
}

// refusedRoutes returns the routes whose own handler has refused a request.
func (g *guarded) refusedRoutes() []string {
	g.t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	own := []string{"400", "404", "413", "415", "422"} // not 401, 403, 405 and 429, which come from outside the handler
	routes := map[string]bool{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			label := map[string]string{}
			for _, pair := range m.GetLabel() {
				label[pair.GetName()] = pair.GetValue()
			}
			if slices.Contains(own, label["status"]) {
				routes[label["method"]+" "+pattern.ReplaceAllString(label["route"], "}")] = true
			}
		}
	}
	return slices.Collect(maps.Keys(routes))
}

// pattern matches the pattern of a variable in a route. The document has the variable's name only.
var pattern = regexp.MustCompile(`:[^}]*\}`)

// documentedRoutes returns all routes of the document. Public pages are not in it.
func documentedRoutes() (routes []string) {
	for path, item := range activityapi.Document().Paths {
		for method := range openapi.OperationsOf(item) {
			routes = append(routes, method+" "+path)
		}
	}
	slices.Sort(routes)
	return routes
}

// TestAudit_NamesWhoDecided discards a message. The audit entry has the key that did it.
func TestAudit_NamesWhoDecided(t *testing.T) {
	g := newGuarded(t)
	key := hostiletest.Bearer(authtest.Key(t, g.keys, auth.OpsRead, auth.OpsWrite))
	ask := func(line, body string) (text string) {
		t.Helper()
		conn, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, hostiletest.Raw(line, body, key)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	if answer := ask("POST "+parkedPath+"/"+g.parked+"/discard", `{"reason":"a test"}`); !strings.Contains(answer,
		`{"discarded":1}`) {
		t.Fatal(answer)
	}
	if answer := ask("GET /v1/activities/ORDER_CREATED/audit", ""); !strings.Contains(answer,
		`"reason":"a test","by":"key:test"`) {
		t.Errorf("audit %s", answer)
	}
}
