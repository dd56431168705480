package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

// lockedLog may be written and read concurrently.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestOutbox_ARefusedMessageIsVisibleFromTheFirstRefusal checks log, status, list, trace and API: each names class,
// reason, attempts and the next try.
func TestOutbox_ARefusedMessageIsVisibleFromTheFirstRefusal(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	log := &lockedLog{}
	hour := outbox.Backoff{First: 100 * time.Hour, Factor: 1, Limit: 100 * time.Hour}
	service.PublishRefusing("sick", outbox.RelayConfig{Retry: hour}, zerolog.New(log))
	placeSick(t, service, 3)
	clocktest.Eventually(t, "all are refused once", func() bool { return service.Outbox.Waiting() == 3 })

	as := func(form string) remote { return remote{running{Target: service.URL}, output.Form{Output: form}} }
	ls := func(form string, paging parkedverbs.Paging) string {
		t.Helper()
		c := outboxLsCmd{Ls: parkedverbs.Ls[outboxRemote]{Remote: outboxRemote{as(form).running}, Paging: paging,
			RowsForm: output.RowsForm{Output: form}},
			Waiting: true}
		var out bytes.Buffer
		if err := c.run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	var page orders.WaitingPage
	if err := json.Unmarshal([]byte(ls("json", parkedverbs.Paging{})), &page); err != nil || len(page.Waiting) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	m := page.Waiting[0]
	if m.Class != "too_large" || !strings.Contains(m.Reason, "over the topic's limit") || m.Attempts != 1 || m.Behind ||
		m.NextAttemptAt.Before(time.Now()) || m.LastFailedAt.IsZero() || m.CommittedAt.IsZero() {
		t.Errorf("listed as %+v", m)
	}
	next := output.Time(m.NextAttemptAt)
	wants := func(what, text string, words ...string) {
		t.Helper()
		for _, word := range append(words, "too_large", "over the topic's limit") {
			if !strings.Contains(text, word) {
				t.Errorf("%s has no %q:\n%s", what, word, text)
			}
		}
	}
	wants("the table", ls("table", parkedverbs.Paging{}), m.ID, m.OrderID, next, "NEXT TRY")
	if text := ls("ndjson", parkedverbs.Paging{}); strings.Count(text, "\n") != 3 {
		t.Errorf("ndjson: %s", text)
	}
	first := ls("table", parkedverbs.Paging{Limit: 2})
	_, cursor, more := strings.Cut(strings.TrimSpace(first), "more: --waiting --cursor ")
	if rest := ls("ndjson", parkedverbs.Paging{Cursor: cursor}); !more || strings.Count(rest, "\n") != 1 ||
		strings.Contains(first, page.Waiting[2].ID) {
		t.Errorf("pages of two:\n%s%s", first, rest)
	}
	selecting := outboxLsCmd{Waiting: true}
	selecting.Class = "refused"
	if err := selecting.run(t.Context(), &bytes.Buffer{}); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("--waiting with --class: %v", err)
	}

	var out bytes.Buffer
	if err := (&statusCmd{remote: as("table")}).run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	wants("the status", out.String(), m.OrderID, "attempt 1", next, "3 wait for another attempt")

	activity := httptest.NewServer(http.NotFoundHandler())
	defer activity.Close()
	out.Reset()
	trace := traceCmd{remote: as("table"), ActivityTarget: activity.URL, ID: m.OrderID}
	_ = trace.run(t.Context(), &out) // no activity service answers
	wants("the trace", out.String(), "waiting", "attempts 1", "next try "+next)

	shop, err := orders.New(client.Config{URL: service.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	delivery, err := shop.GetDelivery(t.Context(), m.OrderID)
	d := &delivery.Value
	if err != nil || d.Class != "too_large" || d.Reason != m.Reason || !d.NextAttemptAt.Equal(m.NextAttemptAt) ||
		d.State != "waiting" {
		t.Errorf("delivery %+v, %v", d, err)
	}
	wants("the log", log.String(), "message refused", m.ID, `"attempts":1`, `"next_attempt_at"`)
}
