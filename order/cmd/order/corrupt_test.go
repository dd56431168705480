package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/client/orders"
	"ordertally/order/orderapi"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/outbox"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/text/output"
)

// TestOutbox_TheVerbsPassADamagedMessageAndNameIt tries ls in each format, and retry of all.
func TestOutbox_TheVerbsPassADamagedMessageAndNameIt(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	service.PublishWithout("sick")
	parkSick(t, service, 3)
	remote := outboxRemote{running{Target: service.URL}}
	var before, page parkedapi.Page[orderapi.ParkedMessage]
	list, err := parkedverbs.Ask(t.Context(), remote, "GET", "/v1/outbox/parked", nil, nil)
	if err != nil || json.Unmarshal(list, &before) != nil || len(before.Parked) != 3 {
		t.Fatalf("%s, %v", list, err)
	}
	bad := before.Parked[1]
	service.Stop()
	db, err := bbolt.Open(service.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		entries, key := tx.Bucket(outbox.Root()).Bucket([]byte("waiting")),
			binary.BigEndian.AppendUint64(nil, bad.Sequence)
		value := slices.Clone(entries.Get(key))
		value[len(value)-1] ^= 1
		return entries.Put(key, value)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	service.Start()

	ls := func(form string, waiting bool) string {
		t.Helper()
		var out bytes.Buffer
		c := outboxLsCmd{Ls: parkedverbs.Ls[outboxRemote]{Remote: remote,
			RowsForm: output.RowsForm{Output: form}}, Waiting: waiting}
		if err := c.run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if err := json.Unmarshal([]byte(ls("json", false)), &page); err != nil || len(page.Parked) != 2 ||
		!slices.Equal(page.Corrupt, []string{bad.ID}) {
		t.Errorf("as JSON: %+v, %v", page, err)
	}
	if text := ls("table", false); !strings.Contains(text, "damaged: message "+bad.ID) ||
		!strings.Contains(text, before.Parked[2].ID) {
		t.Errorf("as a table:\n%s", text)
	}
	if text := ls("ndjson", false); strings.Count(text, "\n") != 3 ||
		!strings.Contains(text, `{"corrupt":["`+bad.ID+`"]}`) {
		t.Errorf("as lines:\n%s", text)
	}
	var waiting orders.WaitingPage // nothing shows that it is a parked one
	if err := json.Unmarshal([]byte(ls("json", true)), &waiting); err != nil || len(waiting.Waiting) != 0 ||
		!slices.Equal(waiting.Corrupt, []int64{int64(bad.Sequence)}) {
		t.Errorf("the waiting ones: %+v, %v", waiting, err)
	}
	var out bytes.Buffer
	show := parkedverbs.Show[outboxRemote]{Remote: remote, ID: bad.ID}
	if err := show.Print(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("by itself: %v", err)
	}
	retry := parkedverbs.Retry[outboxRemote]{Remote: remote, Messages: parkedverbs.Messages{All: true}}
	if err := retry.Print(t.Context(), &out); err != nil || !strings.HasPrefix(out.String(), "2 retried\n") ||
		!strings.Contains(out.String(), "message "+bad.ID) {
		t.Errorf("a retry of all: %q, %v", out.String(), err)
	}
}
