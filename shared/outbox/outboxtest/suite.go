package outboxtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Target is a Publisher to test.
type Target struct {
	Publisher outbox.Publisher
	// Read returns the values of all committed records. Those of one key are in order. Slots and times may be left out.
	Read func(t *testing.T) []outbox.Record
	// Hang begins another program's transaction in each partition and leaves it open. end ends it. Hang is called while
	// a session is open.
	Hang func(t *testing.T) (end func())
	// Remake deletes the log and creates it again with Partitions-1 partitions.
	Remake func(t *testing.T)
	// TooLarge is the size in bytes of a value that the client lets through and the log refuses. If it is 0, the case
	// uses 3 MiB, which the client refuses.
	TooLarge int
}

// Run checks that a Publisher keeps its contract. Each case gets a new target.
func Run(t *testing.T, fresh func(t *testing.T) Target) { run(t, fresh, sessionCases, true) }

// RunLog checks that the sessions of a Publisher are an outbox.Log and keep its contract too.
func RunLog(t *testing.T, fresh func(t *testing.T) Target) { run(t, fresh, logCases, true) }

// RunAtLeastOnce checks what is left of both contracts without transactions. A part of a failed batch may be visible.
// Another session is noticed, but not fenced.
func RunAtLeastOnce(t *testing.T, fresh func(t *testing.T) Target) {
	run(t, fresh, sessionCases, false)
	run(t, fresh, logCases, false)
}

// testCase is one case of the suite.
type testCase struct {
	check func(*testing.T, Target)
	// exactlyOnce says that the case needs transactions.
	exactlyOnce bool
}

func run(t *testing.T, fresh func(t *testing.T) Target, cases map[string]testCase, transactions bool) {
	for name, c := range cases {
		if transactions || !c.exactlyOnce {
			t.Run(name, func(t *testing.T) { c.check(t, fresh(t)) })
		}
	}
}

var (
	sessionCases = map[string]testCase{
		"a new lineage has no watermark":                    {newLineage, false},
		"a batch and its watermark become visible together": {batchAndWatermark, false},
		"a record goes to the partition that it names":      {named, false},
		"messages of a key stay in order":                   {order, false},
		"a later session is noticed once it published":      {noticing, false},
		"a later session fences an earlier one":             {fencing, true},
		"a refused message leaves the session good":         {refusal, true},
		"a context that ended publishes nothing":            {ended, true},
	}
	logCases = map[string]testCase{
		"stored records are found again":                        {storedRecords, false},
		"a scan leaves out what was published again on request": {republishedRecords, false},
		"records that are gone are lost":                        {lost, false},
		"the log has an id":                                     {logID, false},
		"an open transaction hides and loses nothing":           {hidden, true},
		"a scan begins anew in another log":                     {scanOfAnother, true},
		"a log that was made anew is noticed":                   {remade, true},
	}
)

func lineage() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("suite-%x", b)
}

func open(t *testing.T, target Target, lineage string, position uint64) outbox.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	session, err := target.Publisher.Open(ctx, outbox.Identity{Lineage: lineage, MayCreate: position == 0})
	if err != nil {
		t.Fatalf("open a session: %v", err)
	}
	t.Cleanup(session.Close)
	return session
}

// logSession is a session whose log can be read back.
type logSession interface {
	outbox.Session
	outbox.Log
}

func openLog(t *testing.T, target Target, lineage string, position uint64) logSession {
	t.Helper()
	session, ok := open(t, target, lineage, position).(logSession)
	if !ok {
		t.Fatal("the session is no outbox.Log")
	}
	return session
}

func publish(t *testing.T, session outbox.Session, watermark uint64, records ...outbox.Record) ([]outbox.Position,
	error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return session.Publish(ctx, records, outbox.Watermark{Slot: watermark})
}

func record(slot uint64, key, value string) outbox.Record {
	return outbox.Record{
		Slot: slot, Key: []byte(key), Value: []byte(value), Time: time.Now(),
		Partition: outbox.Partition([]byte(key), Partitions),
		Headers:   []cloudevent.Header{{Key: "ce_id", Value: []byte(value)}},
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
	if watermark, known := open(t, target, lineage(), 0).Watermark(); known {
		t.Fatalf("the watermark is %+v", watermark)
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
	session = open(t, target, name, 5)
	if watermark, known := session.Watermark(); !known || watermark.Slot != 5 {
		t.Fatalf("the watermark is %+v, known: %t; want 5", watermark, known)
	}
	want := outbox.Watermark{Slot: 7, Note: strings.Repeat(`{"a":"b"} `, 350)}
	if places, err := session.Publish(t.Context(), nil, want); err != nil || len(places) != 0 {
		t.Fatalf("a watermark alone: %v, %v", places, err)
	}
	session.Close()
	if watermark, known := open(t, target, name, 7).Watermark(); !known || watermark != want {
		t.Fatalf("the watermark is %+v, known: %t", watermark, known)
	}
	wantValues(t, target, "one", "two")
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

func noticing(t *testing.T, target Target) {
	name := lineage()
	first := open(t, target, name, 0)
	if _, err := publish(t, first, 1, record(1, "a", "one")); err != nil {
		t.Fatal(err)
	}
	second := open(t, target, name, 1)
	if _, err := publish(t, second, 2, record(2, "a", "two")); err != nil {
		t.Fatal(err)
	}
	_, err := publish(t, first, 2, record(2, "a", "from the one overtaken"))
	var outage *outbox.OutageError
	if !errors.As(err, &outage) || outage.Class != outbox.Fenced {
		t.Errorf("the session that was overtaken got %v", err)
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
	if watermark, known := session.Watermark(); known && watermark.Slot != 0 {
		t.Fatalf("after a rejection the watermark is %+v", watermark)
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
	// one by one at first: a new partition may refuse some of a batch (errNoOffset of package kafka)
	for i := range 12 {
		var batch []outbox.Record
		for range map[bool]int{true: 1, false: 100}[i < 7] {
			slot++
			batch = append(batch, record(slot, fmt.Sprint("key-", slot%7), fmt.Sprint(slot)))
		}
		if _, err := publish(t, session, slot, batch...); err != nil {
			t.Fatal(err)
		}
	}
	records := target.Read(t)
	if len(records) != 507 {
		t.Fatalf("%d records are visible, want 507", len(records))
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
	if _, err := session.Publish(ctx, []outbox.Record{record(1, "a", "one")}, outbox.Watermark{Slot: 1}); err == nil {
		t.Fatal("published although the context had ended")
	}
	session.Close()
	second := open(t, target, name, 0) // this ends what the first session left open
	if _, known := second.Watermark(); known {
		t.Error("the watermark moved")
	}
	if _, err := publish(t, second, 1, record(1, "a", "two")); err != nil {
		t.Fatal(err)
	}
	wantValues(t, target, "two")
}

// message returns a record as an Outbox makes it, with the headers that identify it.
func message(name string, slot uint64, key string) outbox.Record {
	id := uuidv7.ID{6: 0x70, 8: 0x80, 15: byte(slot)} //nolint:gosec // small
	envelope := cloudevent.Envelope{ID: id.String(), Source: "/suite", Type: "T", Lineage: name, Sequence: slot,
		Previous: slot - 1}
	r := record(slot, key, fmt.Sprint(name, slot))
	r.Headers = envelope.Headers()
	return r
}

// twoLineages publishes messages of two lineages in turn. It returns the session of the first and the positions of its
// records.
func twoLineages(t *testing.T, target Target) (session logSession, mine []outbox.StoredRecord) {
	t.Helper()
	name, other := lineage(), lineage()
	session, second := openLog(t, target, name, 0), openLog(t, target, other, 0)
	for slot := uint64(1); slot <= 20; slot += 2 {
		a, b := message(name, slot, fmt.Sprint(slot)), message(name, slot+1, fmt.Sprint(slot+1))
		places, err := publish(t, session, slot+1, a, b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range places {
			mine = append(mine, outbox.StoredRecord{Position: places[i], Slot: slot + uint64(i),
				ID: uuidv7.ID{6: 0x70, 8: 0x80, 15: byte(slot) + byte(i)}})
		}
		if _, err := publish(t, second, slot, message(other, slot, fmt.Sprint(slot))); err != nil {
			t.Fatal(err)
		}
	}
	return session, mine
}

func scan(t *testing.T, session outbox.Log, from map[int32]int64) (found []outbox.StoredRecord) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	starts, err := session.Scan(ctx, from, func(sight outbox.Sight) error {
		found = append(found, sight.Found...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for partition, start := range starts {
		if start != 0 {
			t.Errorf("partition %d starts at %d", partition, start)
		}
	}
	//nolint:gosec // small
	slices.SortFunc(found, func(a, b outbox.StoredRecord) int { return int(a.Slot) - int(b.Slot) })
	return found
}

func storedRecords(t *testing.T, target Target) {
	session, mine := twoLineages(t, target)
	if found := scan(t, session, nil); !slices.Equal(found, mine) {
		t.Fatalf("found %v\nwant %v", found, mine)
	}
	ends, err := session.Ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found := scan(t, session, ends); len(found) != 0 {
		t.Fatalf("after the ends: %v", found)
	}
	last := map[int32]int64{}
	var want []outbox.StoredRecord
	for _, s := range mine[10:] {
		if _, ok := last[s.Partition]; !ok {
			last[s.Partition] = s.Offset
		}
	}
	for partition, end := range ends {
		if _, ok := last[partition]; !ok {
			last[partition] = end
		}
	}
	for _, s := range mine {
		if s.Offset >= last[s.Partition] {
			want = append(want, s)
		}
	}
	if found := scan(t, session, last); !slices.Equal(found, want) {
		t.Fatalf("from %v: found %v\nwant %v", last, found, want)
	}
}

func republishedRecords(t *testing.T, target Target) {
	name := lineage()
	session := openLog(t, target, name, 0)
	if _, err := publish(t, session, 2, message(name, 1, "1"), message(name, 2, "2")); err != nil {
		t.Fatal(err)
	}
	again := message(name, 1, "1")
	again.Headers = append(again.Headers, cloudevent.Header{Key: cloudevent.HeaderRepublished,
		Value: []byte("2026-01-02T03:04:05Z")})
	if _, err := publish(t, session, 2, again); err != nil {
		t.Fatal(err)
	}
	if found := scan(t, session, nil); len(found) != 2 || found[0].Slot != 1 || found[1].Slot != 2 {
		t.Fatalf("found %v, want slots 1 and 2, each once", found)
	}
}

func lost(t *testing.T, target Target) {
	session, mine := twoLineages(t, target)
	ends, err := session.Ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(records ...outbox.StoredRecord) []outbox.StoredRecord {
		t.Helper()
		gone, err := session.Lost(t.Context(), records)
		if err != nil {
			t.Fatal(err)
		}
		return gone
	}
	if gone := ask(mine...); len(gone) != 0 {
		t.Fatalf("lost: %v", gone)
	}
	if gone := ask(); len(gone) != 0 {
		t.Fatalf("nothing lost: %v", gone)
	}
	another, beyond := mine[3], mine[5]
	another.Slot++
	beyond.Offset = ends[beyond.Partition] + 5
	if gone := ask(mine[1], another, beyond, mine[2]); !slices.Equal(gone, []outbox.StoredRecord{another, beyond}) {
		t.Fatalf("lost %v, want %v", gone, []outbox.StoredRecord{another, beyond})
	}
}

// sights scans and calls waits once, with the first hidden parts that the scan waits for.
func sights(t *testing.T, session outbox.Log, waits func([]outbox.Hidden)) (found []outbox.StoredRecord,
	err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := false
	_, err = session.Scan(ctx, nil, func(sight outbox.Sight) error {
		found = append(found, sight.Found...)
		if !told && len(sight.Hidden) > 0 {
			told = true
			waits(sight.Hidden)
		}
		return nil
	})
	if err == nil && !told {
		t.Error("the scan did not say that it waits for the open transaction")
	}
	//nolint:gosec // small
	slices.SortFunc(found, func(a, b outbox.StoredRecord) int { return int(a.Slot) - int(b.Slot) })
	return found, err
}

// hidden puts half of the records behind another program's open transaction.
func hidden(t *testing.T, target Target) {
	name := lineage()
	session := openLog(t, target, name, 0)
	var mine []outbox.StoredRecord
	add := func(first uint64) {
		t.Helper()
		for slot := first; slot < first+10; slot++ {
			places, err := publish(t, session, slot, message(name, slot, fmt.Sprint(slot)))
			if err != nil {
				t.Fatal(err)
			}
			//nolint:gosec // small
			mine = append(mine, outbox.StoredRecord{Position: places[0], Slot: slot,
				ID: uuidv7.ID{6: 0x70, 8: 0x80, 15: byte(slot)}})
		}
	}
	add(1)
	end := target.Hang(t)
	before, err := session.Ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add(11)
	session.Close()
	session = openLog(t, target, name, 20)
	if gone, err := session.Lost(t.Context(), mine); err != nil || len(gone) != 0 {
		t.Fatalf("lost behind the open transaction: %v, %v", gone, err)
	}
	another := mine[15]
	another.Slot++
	if gone, err := session.Lost(
		t.Context(),
		[]outbox.StoredRecord{mine[12], another},
	); err != nil ||
		!slices.Equal(gone, []outbox.StoredRecord{another}) {
		t.Fatalf("lost: %v, %v; want %v", gone, err, another)
	}
	found, err := sights(t, session, func(hidden []outbox.Hidden) {
		for _, h := range hidden {
			if h.From != before[h.Partition]-1 || h.To <= h.From {
				t.Errorf("hidden: %+v; the open transaction begins at %d", h, before[h.Partition]-1)
			}
		}
		end()
	})
	if err != nil || !slices.Equal(found, mine) {
		t.Fatalf("found %v, %v\nwant %v", found, err, mine)
	}
}

// scanOfAnother recreates the log while a scan of it waits.
func scanOfAnother(t *testing.T, target Target) {
	name := lineage()
	session := openLog(t, target, name, 0)
	target.Hang(t)
	if _, err := publish(t, session, 1, message(name, 1, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := sights(t, session, func([]outbox.Hidden) { target.Remake(t) }); !errors.Is(err, outbox.ErrChanged) {
		t.Fatalf("got %v, want ErrChanged", err)
	}
}

// remade checks that a session learns by itself that the log was recreated, and that everything is lost.
func remade(t *testing.T, target Target) {
	name := lineage()
	session := openLog(t, target, name, 0)
	places, err := publish(t, session, 1, message(name, 1, "a"))
	if err != nil {
		t.Fatal(err)
	}
	before := session.LogID()
	target.Remake(t)
	select {
	case <-session.Disconnected():
	case <-time.After(30 * time.Second):
		t.Fatal("the session does not notice that its place was made anew")
	}
	all := []outbox.StoredRecord{{Position: places[0], Slot: 1}}
	if gone, err := session.Lost(t.Context(), all); err != nil || !slices.Equal(gone, all) {
		t.Errorf("lost: %v, %v", gone, err)
	}
	session.Close()
	session = openLog(t, target, name, 1)
	if session.LogID() == before {
		t.Errorf("the log is called %s as before", before)
	}
	if n := session.Partitions(); n != Partitions-1 {
		t.Errorf("made anew with %d partitions, it says %d", Partitions-1, n)
	}
	r := message(name, 1, "a")
	r.Partition = 0
	if _, err := publish(t, session, 1, r); err != nil {
		t.Fatal(err)
	}
	wantValues(t, target, string(r.Value))
}

func named(t *testing.T, target Target) {
	name := lineage()
	session := open(t, target, name, 0)
	if n := session.Partitions(); n < Partitions {
		t.Fatalf("%d partitions, want at least %d", n, Partitions)
	}
	for partition := range int32(Partitions) {
		r := message(name, 1+uint64(partition), "key")
		r.Partition = partition
		got, err := publish(t, session, r.Slot, r)
		if err != nil || got[0].Partition != partition {
			t.Fatalf("sent to %d: %v, %v", partition, got, err)
		}
	}
}

func logID(t *testing.T, target Target) {
	first, second := openLog(t, target, lineage(), 0), openLog(t, target, lineage(), 0)
	if first.LogID() == "" || first.LogID() != second.LogID() {
		t.Fatalf("the log is %q, then %q", first.LogID(), second.LogID())
	}
}
