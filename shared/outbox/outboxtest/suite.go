package outboxtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"ordertally/shared/cloudevent"
	"ordertally/shared/outbox"
)

// Target is a Publisher under test.
type Target struct {
	Publisher outbox.Publisher
	// Read returns the values of all records that readers of committed records see, those of one key in order. Slots and
	// times need not be filled in.
	Read func(t *testing.T) []outbox.Record
	// TooLarge is the size in bytes of a value that the place refuses but the client lets through; 0 skips nothing but
	// uses 3 MiB, which the client refuses.
	TooLarge int
}

// Run checks that a Publisher keeps its contract. Each case gets a fresh target.
func Run(t *testing.T, fresh func(t *testing.T) Target) {
	for name, check := range map[string]func(*testing.T, Target){
		"a new lineage has no watermark":                    newLineage,
		"a batch and its watermark become visible together": batchAndWatermark,
		"a later session fences an earlier one":             fencing,
		"a refused message leaves the session good":         refusal,
		"messages of a key stay in order":                   order,
		"a context that ended publishes nothing":            ended,
	} {
		t.Run(name, func(t *testing.T) { check(t, fresh(t)) })
	}
}

func lineage() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("suite-%x", b)
}

func open(t *testing.T, target Target, lineage string, position uint64) outbox.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	session, err := target.Publisher.Open(ctx, outbox.Identity{Lineage: lineage, Position: position})
	if err != nil {
		t.Fatalf("open a session: %v", err)
	}
	t.Cleanup(session.Close)
	return session
}

func publish(t *testing.T, session outbox.Session, watermark uint64, records ...outbox.Record) ([]outbox.Place, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return session.Publish(ctx, records, watermark)
}

func record(slot uint64, key, value string) outbox.Record {
	return outbox.Record{
		Slot: slot, Key: []byte(key), Value: []byte(value), Time: time.Now(),
		Headers: []cloudevent.Header{{Key: "ce_id", Value: []byte(value)}},
	}
}

func wantValues(t *testing.T, target Target, want ...string) {
	t.Helper()
	records := target.Read(t)
	seen := map[string]int{}
	for _, r := range records {
		seen[string(r.Value)]++
	}
	for _, value := range want {
		if seen[value] != 1 {
			t.Errorf("%q is visible %d times, want once", value, seen[value])
		}
	}
	if len(records) != len(want) {
		t.Errorf("%d records are visible, want %d", len(records), len(want))
	}
}

func newLineage(t *testing.T, target Target) {
	if slot, known := open(t, target, lineage(), 0).Watermark(); known {
		t.Fatalf("the watermark is %d", slot)
	}
}

func batchAndWatermark(t *testing.T, target Target) {
	name := lineage()
	session := open(t, target, name, 0)
	places, err := publish(t, session, 5, record(1, "a", "one"), record(2, "b", "two"))
	if err != nil {
		t.Fatal(err)
	}
	if len(places) != 2 || places[0].Offset < 0 || places[0] == places[1] {
		t.Fatalf("places: %+v", places)
	}
	wantValues(t, target, "one", "two")
	for _, r := range target.Read(t) {
		if len(r.Headers) != 1 || r.Headers[0].Key != "ce_id" || !bytes.Equal(r.Headers[0].Value, r.Value) {
			t.Errorf("headers of %s: %v", r.Value, r.Headers)
		}
	}
	session.Close()
	if slot, known := open(t, target, name, 5).Watermark(); !known || slot != 5 {
		t.Fatalf("the watermark is %d, known: %t; want 5", slot, known)
	}
}

func fencing(t *testing.T, target Target) {
	name := lineage()
	first := open(t, target, name, 0)
	if _, err := publish(t, first, 1, record(1, "a", "one")); err != nil {
		t.Fatal(err)
	}
	second := open(t, target, name, 1)
	_, err := publish(t, first, 2, record(2, "a", "from the fenced one"))
	var outage *outbox.OutageError
	if !errors.As(err, &outage) || outage.Class != outbox.Fenced {
		t.Errorf("the fenced session got %v", err)
	}
	if _, err := publish(t, second, 2, record(2, "a", "two")); err != nil {
		t.Fatal(err)
	}
	wantValues(t, target, "one", "two")
}

func refusal(t *testing.T, target Target) {
	if target.TooLarge == 0 {
		target.TooLarge = 3 << 20
	}
	name := lineage()
	session := open(t, target, name, 0)
	large := record(2, "b", "")
	large.Value = bytes.Repeat([]byte("x"), target.TooLarge)
	_, err := publish(t, session, 3, record(1, "a", "one"), large, record(3, "c", "three"))
	var rejected *outbox.RejectedError
	if !errors.As(err, &rejected) || rejected.Class != outbox.TooLarge {
		t.Fatalf("got %v, want a rejection as too large", err)
	}
	session.Close()
	wantValues(t, target)
	session = open(t, target, name, 0)
	if watermark, known := session.Watermark(); known && watermark != 0 {
		t.Fatalf("after a rejection the watermark is %d", watermark)
	}
	if _, err := publish(t, session, 3, record(1, "a", "one"), record(3, "c", "three")); err != nil {
		t.Fatalf("after a rejection: %v", err)
	}
	wantValues(t, target, "one", "three")
}

func order(t *testing.T, target Target) {
	session := open(t, target, lineage(), 0)
	next := map[string]int{}
	slot := uint64(0)
	for range 5 {
		var batch []outbox.Record
		for range 100 {
			slot++
			batch = append(batch, record(slot, fmt.Sprint("key-", slot%7), fmt.Sprint(slot)))
		}
		if _, err := publish(t, session, slot, batch...); err != nil {
			t.Fatal(err)
		}
	}
	records := target.Read(t)
	if len(records) != 500 {
		t.Fatalf("%d records are visible, want 500", len(records))
	}
	for _, r := range records {
		var got int
		if _, err := fmt.Sscan(string(r.Value), &got); err != nil {
			t.Fatal(err)
		}
		if got <= next[string(r.Key)] {
			t.Fatalf("key %s: slot %d comes after %d", r.Key, got, next[string(r.Key)])
		}
		next[string(r.Key)] = got
	}
}

func ended(t *testing.T, target Target) {
	name := lineage()
	session := open(t, target, name, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := session.Publish(ctx, []outbox.Record{record(1, "a", "one")}, 1); err == nil {
		t.Fatal("published although the context had ended")
	}
	session.Close()
	second := open(t, target, name, 0) // ends what the first left open
	if _, known := second.Watermark(); known {
		t.Error("the watermark moved")
	}
	if _, err := publish(t, second, 1, record(1, "a", "two")); err != nil {
		t.Fatal(err)
	}
	wantValues(t, target, "two")
}
