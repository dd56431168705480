package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity/declare"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/settings"
)

// TestConfigCheckTry_SaysWhatWouldBeCountedAndParked tries declarations on records of a change capture. Their time is
// in milliseconds. It is declared as such, as seconds, or not at all.
func TestConfigCheckTry_SaysWhatWouldBeCountedAndParked(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()})
	now := time.Now().Truncate(time.Millisecond)
	var values []string
	for i := range 20 {
		values = append(values, fmt.Sprintf(`{"payload":{"ts_ms":%d,"amount":100,"currency":"EUR"}}`,
			now.Add(time.Duration(i-20)*time.Second).UnixMilli()))
	}
	values = append(values, `{"payload":{"amount":100,"currency":"EUR"}}`,
		`{"payload":{"ts_ms":1,"amount":-1,"currency":"EUR"}}`, `no JSON`)
	publishPlain(t, dev.Addr(), "pay.v1", "PaymentCaptured", values...)

	try := func(records int, declared string) (string, error) {
		var out bytes.Buffer
		c := configCheckCmd{Try: records}
		c.Kafka, c.Activities = []string{dev.Addr()}, declare.Text(declared)
		if err := settings.Complete(&c.Config, ""); err != nil {
			t.Fatal(err)
		}
		err := c.try(t.Context(), &out)
		return out.String(), err
	}
	const payment = "{name: PAYMENT, topic: pay.v1, type: PaymentCaptured, type-at: 'header:eventType', id: " +
		"'header:id', measures: {revenue: sum(payload.amount) by payload.currency}, time: "
	said, err := try(100, "["+payment+"payload.ts_ms unit=ms}, {name: OTHER, topic: nothing.v1}]")
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		"ORDER_CREATED: topic order.activity.v1 does not exist yet\n",
		"PAYMENT: of the last 23 records of topic pay.v1, 20 would be counted, 3 parked\n",
		"  they happened from " + now.Add(-20*time.Second).UTC().Format(time.RFC3339) + " to " +
			now.Add(-time.Second).UTC().Format(time.RFC3339) + "\n",
		"  2 parked as malformed, such as the one at partition 0, offset 20: The time at payload.ts_ms is \"\"; it " +
			"must be a number of milliseconds since 1970.\n",
		"  1 parked as impossible, such as the one at partition 0, offset 21: The payload.amount is -1, less than 0.\n",
		"OTHER: topic nothing.v1 does not exist yet\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %s\n%s", want, said)
		}
	}
	for declared, want := range map[string]string{
		"payload.ts_ms":        `23 parked`,
		"payload.ts_ms unit=s": `is its unit right?`,
	} {
		if said, err := try(100, "["+payment+declared+"}]"); settings.ExitCode(err) != settings.ExitFailed ||
			!strings.Contains(said, want) || !strings.Contains(said, " 0 would be counted") {
			t.Errorf("%s: %v\n%s", declared, err, said)
		}
	}
	if said, err := try(4, "["+payment+"record}]"); err != nil ||
		!strings.Contains(said, "of the last 4 records of topic pay.v1, 2 would be counted, 2 parked\n") {
		t.Errorf("the last 4: %v\n%s", err, said)
	}
	if said, err := try(5, "[{name: SAME, topic: pay.v1, type: PaymentCaptured, type-at: 'header:eventType', id: "+
		"'header:same', time: record}]"); err != nil ||
		!strings.Contains(said, "1 would be counted, 1 parked, 3 refused as duplicates (their ids occur before)\n") {
		t.Errorf("ids that come again: %v\n%s", err, said)
	}
}

// TestConfigCheckTry_ChangesNothing runs the verb as people do. It makes no file, and does not try settings that are
// refused.
func TestConfigCheckTry_ChangesNothing(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "activity.db")
	if err := run([]string{"config", "check", "--try", "10", "--data", data, "--kafka", "127.0.0.1:1", "--zone",
		"Nowhere"}); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("settings that are refused: %v", err)
	}
	for _, records := range []string{"-1", "100001", "x"} {
		if err := run([]string{"config", "check", "--try", records, "--data", data}); settings.ExitCode(
			err) != settings.ExitUsage || !strings.Contains(err.Error(), "try") {
			t.Errorf("%s records: %v", records, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
}

// publishPlain writes JSON to partition 0 of a topic. Headers have the type and an id.
func publishPlain(t *testing.T, address, topic, kind string, values ...string) {
	t.Helper()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: topic}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "l", MayCreate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	records := make([]outbox.Record, len(values))
	for i, value := range values {
		records[i] = outbox.Record{
			Slot: uint64(i + 1), Value: []byte(value), Time: time.Now(),
			Headers: []cloudevent.Header{{Key: "eventType", Value: []byte(kind)},
				{Key: "id", Value: fmt.Append(nil, i)}, {Key: "same", Value: []byte("s")}},
		}
	}
	if _, err := session.Publish(t.Context(), records, outbox.Watermark{Slot: uint64(len(values))}); err != nil {
		t.Fatal(err)
	}
}
