package activityd_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/activity/declare"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
)

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// readers returns the activities of each reader of the topic, sorted.
func (l *lines) readers() (activities []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var said struct{ Message, Activity string }
		if json.Unmarshal([]byte(line), &said) == nil && said.Message == "reading the topic" {
			activities = append(activities, said.Activity)
		}
	}
	slices.Sort(activities)
	return activities
}

// cancelled returns a message of the day that order uses.
func cancelled(slot uint64) outbox.Record {
	r := order(slot)
	day := time.Date(2010, 12, 1, 12, 0, 0, 0, time.UTC)
	r.Value = event.EncodeCancellation(&event.Cancellation{OrderID: "1", CancelledAt: day, PlacedAt: day,
		Currency: "GBP", Total: 10, Lines: []event.Line{{SKU: "71053", Quantity: 2, UnitPrice: 5}}})
	for i := range r.Headers {
		switch r.Headers[i].Key {
		case "ce_type":
			r.Headers[i].Value = []byte(event.TypeCancelled)
		case "ce_dataschema":
			r.Headers[i].Value = []byte(event.SchemaCancelled)
		}
	}
	return r
}

// TestService_ReadsATopicOnceForActivitiesThatStandAtTheSamePositions. A declared one that comes later reads alone. At
// the next start it stands where the others do.
func TestService_ReadsATopicOnceForActivitiesThatStandAtTheSamePositions(t *testing.T) {
	kafka := devbrokertest.Start(t, devbroker.Config{})
	data := filepath.Join(t.TempDir(), "activity.db")
	publish(t, kafka.Addr(), append(orders(1, 100), cancelled(101))...)
	const both, later = event.TypeCreated + ", " + event.TypeCancelled, "ORDER_PAID"
	run := func(declared declare.Text, want ...string) {
		t.Helper()
		config, log := free(data, kafka.Addr()), new(lines)
		config.Activities = declared
		s, err := activityd.New(config, zerolog.New(log))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer stop(t, s)
		names := strings.Split(strings.Join(want, ", "), ", ")
		clocktest.Eventually(t, "all is counted", func() bool {
			for _, name := range names {
				var d day
				_, body := get(t, s.Addr(), "/v1/activities/"+name+"/days/2010-12-01?tz=Europe/London")
				counts := map[string]int64{event.TypeCreated: 100, event.TypeCancelled: 1}
				if err := json.Unmarshal([]byte(body), &d); err != nil || d.Count != counts[name] ||
					d.AsOf.Lag == nil || *d.AsOf.Lag != 0 {
					return false
				}
			}
			return true
		})
		if readers := log.readers(); !slices.Equal(readers, want) {
			t.Errorf("the topic is read for %q, want %q", readers, want)
		}
		_, metrics := get(t, s.OpsAddr(), "/metrics")
		for _, name := range names {
			if line := `activity_partition_lag_messages{activity="` + name + `",partition="5"} 0`; !strings.Contains(
				metrics, "\n"+line) {
				t.Errorf("/metrics has no %s", line)
			}
		}
	}
	run("", both)
	paid := declare.Text("- name: " + later + "\n  topic: " + event.Topic + "\n  type: " + later + "\n")
	run(paid, both, later)
	run(paid, both+", "+later)
}
