package activityd_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
)

// change returns a record with another value of a header.
func change(r outbox.Record, key, value string) outbox.Record {
	headers := append([]cloudevent.Header{}, r.Headers...)
	for i := range headers {
		if headers[i].Key == key {
			headers[i].Value = []byte(value)
		}
	}
	r.Headers = headers
	return r
}

// TestService_IsNotSilencedByForgedHeaders publishes two forged records. One claims all slots of the order service's
// lineage. The other has the id of a counted order. The orders behind them are counted, and metrics and the API say
// what happened.
func TestService_IsNotSilencedByForgedHeaders(t *testing.T) {
	kafka := devbrokertest.Start(t, devbroker.Config{})
	forged := change(change(change(order(900), cloudevent.HeaderID, "01890a5d-ac96-774b-8000-ffffffffffff"),
		cloudevent.HeaderSequence, "09223372036854775807"),
		cloudevent.HeaderPrevious, "00000000000000000000")
	copied := order(1)
	copied.Value = order(2).Value
	newer := change(order(41), cloudevent.HeaderType, "ORDER_PRAISED")
	newer.Slot = 41
	publish(t, kafka.Addr(), append(orders(1, 20), forged, copied)...)
	s := start(t, filepath.Join(t.TempDir(), "activity.db"), kafka.Addr())
	clocktest.Eventually(t, "the forged record is read", func() bool {
		d := firstDay(t, s)
		return d.Count == 21 && d.AsOf.Lag != nil && *d.AsOf.Lag == 0
	})
	publish(t, kafka.Addr(), append(orders(21, 40), newer)...)
	clocktest.Eventually(t, "the orders behind it are counted", func() bool {
		d := firstDay(t, s)
		return d.Count >= 41 && *d.AsOf.Lag == 0
	})
	if n := firstDay(t, s).Count; n != 41 {
		t.Errorf("%d orders are counted, want 40 and the forged one", n)
	}
	_, metrics := get(t, s.OpsAddr(), "/metrics")
	// Each activity of the topic keeps the lineage.
	lineages := fmt.Sprintf("activity_lineages %d", len(event.Types()))
	for _, line := range []string{"activity_conflicts 1", lineages, "activity_unknown_types_total 1",
		"activity_parked_messages 0", "activity_duplicates_total 0"} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("/metrics has no line %s", line)
		}
	}
	_, after, _ := strings.Cut(metrics, "\nactivity_covered_counted_total ")
	value, _, _ := strings.Cut(after, "\n")
	// More than 20 is right too: orders of other partitions may have been read after the forged record.
	if covered, err := strconv.Atoi(value); err != nil || covered < 20 {
		t.Errorf("%q orders had a slot that had been dealt with, want at least 20", value)
	}
	if _, body := get(t, s.Addr(), "/v1/activities/ORDER_CREATED/conflicts"); !strings.Contains(body,
		`"class":"conflict"`) || strings.Count(body, `"message_id"`) != 1 {
		t.Errorf("the ledger has %s", body)
	}
	if _, body := get(t, s.Addr(), "/v1/activities"); !strings.Contains(body, `"conflicts":1`) {
		t.Errorf("the list of activities says %s", body)
	}
}
