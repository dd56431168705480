package activityapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/parked"
)

// ledgers decodes kept messages: none before mended is set, and then each as an order.
type ledgers struct {
	*activitystore.Store
	mended bool
}

func (l *ledgers) decode(p *activity.Parked) (activity.Message, *activity.Poison) {
	if !l.mended {
		return activity.Message{}, &p.Poison
	}
	id := string(p.Headers[0].Value)
	return activity.Message{ID: id, Event: activitytest.Order{ID: id, At: now, Currency: "EUR"}.Event()}, nil
}

// ledger returns one ledger of the store.
func (l *ledgers) ledger(name activity.Ledger) *parked.Ledger[activity.Kept] {
	return l.Ledger(name, l.decode)
}

const parkedPath = "/v1/activities/ORDER_CREATED/parked"

// park parks a message for each reason.
func (s *server) park() {
	s.t.Helper()
	b := &activity.Batch{}
	for i, reason := range activity.Reasons() {
		b.Parked = append(b.Parked, activity.Parked{
			Partition: 2, Offset: int64(i), Timestamp: now, Value: []byte("<script>\xff"), Key: []byte("k"),
			Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: []byte(reason)}},
			Poison:  activity.Poison{Reason: reason, Detail: "why"},
		})
	}
	if _, err := s.store.Apply(s.t.Context(), b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) post(target, body string) (int, string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	s.handler.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestLedger_IsListedShownExportedAndDecidedAboutOverHTTP(t *testing.T) {
	s := newServer(t)
	s.park()
	var page struct {
		Parked []struct {
			ID, Class, Reason string
			MessageID         string `json:"message_id"`
			Offset            int64
		}
		Next string `json:"next_cursor"`
	}
	list := func(query string) int {
		t.Helper()
		page.Parked, page.Next = nil, ""
		if err := json.Unmarshal([]byte(s.get(parkedPath+query)), &page); err != nil {
			t.Fatal(err)
		}
		return len(page.Parked)
	}
	if n := list("?limit=4"); n != 4 || page.Next == "" {
		t.Fatalf("the first page has %+v", page)
	}
	if n := list("?limit=4&cursor=" + page.Next); n != len(activity.Reasons())-4 || page.Next != "" {
		t.Fatalf("the second page has %+v", page)
	}
	if n := list("?class=malformed&before=2025-11-25T00:00:00Z"); n != 1 || page.Parked[0].Reason != "why" ||
		page.Parked[0].MessageID != "malformed" {
		t.Fatalf("malformed: %+v", page)
	}
	id := page.Parked[0].ID
	whole := s.get(parkedPath + "/" + id)
	for _, part := range []string{`"value":"PHNjcmlwdD7/"`, `"key":"aw=="`,
		`"headers":[{"key":"ce_id","value":"bWFsZm9ybWVk","text":"malformed"}]`, `"history":[]`} {
		if !strings.Contains(whole, part) {
			t.Errorf("shown without %s: %s", part, whole)
		}
	}
	response := s.do(http.MethodGet, parkedPath+"/export?class=malformed")
	export, _ := io.ReadAll(response.Body)
	if strings.Count(string(export), "\n") != 1 || !strings.Contains(string(export), id) ||
		response.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("exported %s", export)
	}
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/" + id + "/retry", `{}`, 200, `{"counted":0,"duplicate":0,"retried":1,"still_parked":1}`},
		{"/" + id + "/discard", `{}`, 422, "must say why"},
		{"/" + id + "/discard", `{"reason":"` + strings.Repeat("x", 501) + `"}`, 422, "500 bytes"},
		{"/" + id + "/retry", `{"all":true}`, 422, "no filter"},
		{"/" + id + "/retry", `{"note":"x"}`, 422, "not known"},
		{"/" + id + "/retry", `{"reason":"x","reason":"y"}`, 400, "well-formed"},
		{"/" + id + "/retry", ``, 400, "well-formed"},
		{"/" + id + "/retry", `[]`, 400, "well-formed"},
		{"/" + id + "/retry", `{"reason":1}`, 422, "type"},
		{"/" + id + "/retry", `{"reason":null}`, 422, "null"},
		{"/retry", `{"all":true,"class":null}`, 422, "null"},
		{"/retry", `{}`, 422, "all"},
		{"/retry", `{"all":true,"class":"malformed"}`, 422, "not both"},
		{"/retry", `{"class":"ugly"}`, 422, "none of"},
		{"/1-2-00/retry", `{}`, 404, "already"},
	} {
		if status, answer := s.post(parkedPath+c.path, c.body); status != c.status ||
			!strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %s, want %d %s", c.path, c.body, status, answer, c.status, c.says)
		}
	}
	s.ledgers.mended = true
	if status, answer := s.post(parkedPath+"/"+id+"/retry", `{"reason":"mended"}`); status != 200 ||
		answer != `{"counted":1,"duplicate":0,"retried":1,"still_parked":0}` {
		t.Errorf("retry: %d %s", status, answer)
	}
	if status, answer := s.post(parkedPath+"/discard",
		`{"class":"tombstone","reason":"nothing to count"}`); status != 200 || answer != `{"discarded":1}` {
		t.Errorf("discard: %d %s", status, answer)
	}
	if status, answer := s.post(parkedPath+"/retry", `{"all":true}`); status != 200 ||
		answer != fmt.Sprintf(`{"counted":%d,"duplicate":0,"retried":%[1]d,"still_parked":0}`,
			len(activity.Reasons())-2) {
		t.Errorf("retry all: %d %s", status, answer)
	}
	if n := list(""); n != 0 {
		t.Errorf("%d are left", n)
	}
	if audit := s.get("/v1/activities/ORDER_CREATED/audit"); strings.Count(audit, `"verb"`) != len(activity.Reasons())+
		1 || !strings.Contains(audit, `"reason":"nothing to count"`) {
		t.Errorf("audit %s", audit)
	}
	for _, wrong := range []string{"?class=ugly", "?limit=201", "?limit=%2B5", "?limit=007", "?cursor=x",
		"?before=yesterday", "/export?limit=1"} {
		target := parkedPath + wrong
		if response := s.do(http.MethodGet, target); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", target, response.Status)
		}
	}
	if got := s.get("/v1/activities/ORDER_CREATED/late"); got != `{"parked":[]}` {
		t.Errorf("late: %s", got)
	}
	if status, answer := s.post("/v1/activities/ORDER_CREATED/late/accept", `{"all":true}`); status != 200 ||
		!strings.Contains(answer, `"accepted":0`) {
		t.Errorf("accept: %d %s", status, answer)
	}
}
