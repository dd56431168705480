package sample_test

import (
	"bytes"
	"testing"
	"time"

	"ordertally/bench/sample"
	"ordertally/order"
	"ordertally/shared/event"
)

func TestPayload_HasItsSizeAndIsAnOrder(t *testing.T) {
	for _, n := range []int64{0, 1, 9_999_999_999} {
		payload := sample.Payload(n)
		if len(payload) != sample.PayloadBytes {
			t.Errorf("order %d has %d bytes, want %d", n, len(payload), sample.PayloadBytes)
		}
		if want := event.Encode(sample.Order(n, sample.Placed)); !bytes.Equal(payload, want) {
			t.Errorf("order %d is %s, want %s", n, payload, want)
		}
	}
}

func TestBody_IsAcceptedAndStoredAsThePayload(t *testing.T) {
	draft, err := order.DecodeDraft(sample.Body(7), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	draft.PlacedAt = sample.Placed
	draft.Total, _ = order.Total(draft.Lines)
	if got := event.Encode(&draft); !bytes.Equal(got, sample.Payload(7)) {
		t.Errorf("the body is stored as %s, want %s", got, sample.Payload(7))
	}
}
