package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderapi"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

// placeSick places orders that cannot be published.
func placeSick(t *testing.T, service *apitest.Service, n int) {
	t.Helper()
	shop, err := orders.New(client.Config{URL: service.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{SKU: "sick", Quantity: 1, UnitPrice: 1}}}
	for range n {
		if _, err := shop.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft); err != nil {
			t.Fatal(err)
		}
	}
}

// parkSick places orders that cannot be published, and waits until they are parked.
func parkSick(t *testing.T, service *apitest.Service, n int) {
	t.Helper()
	placeSick(t, service, n)
	service.AwaitParked(n)
}

func TestOutbox_VerbsListShowRetryAndDiscard(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	ill, _ := service.PublishWithout("sick")
	parkSick(t, service, 4)
	remote := outboxRemote{running{Target: service.URL}}
	type ls = parkedverbs.Ls[outboxRemote]
	list := func(c ls) string {
		t.Helper()
		var out bytes.Buffer
		if err := c.Print(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	var page parkedapi.Page[orderapi.ParkedMessage]
	if text := list(ls{Remote: remote, RowsForm: output.RowsForm{Output: "json"}}); json.Unmarshal([]byte(text),
		&page) != nil ||
		len(page.Parked) != 4 || strings.Count(text, "\n") != 1 {
		t.Fatalf("json: %s", text)
	}
	id := page.Parked[0].ID
	if text := list(ls{Remote: remote, RowsForm: output.RowsForm{Output: "table"},
		Paging: parkedverbs.Paging{Limit: 3}}); strings.Count(text, "\n") != 5 ||
		!strings.Contains(text, id) || !strings.Contains(text, "--cursor ") {
		t.Errorf("table: %s", text)
	}
	if text := list(ls{Remote: remote, RowsForm: output.RowsForm{Output: "ndjson"},
		Selection: parkedverbs.Selection{Class: "too_large"}}); strings.Count(text,
		"\n") != 4 {
		t.Errorf("ndjson: %s", text)
	}
	if text := list(ls{Remote: remote, RowsForm: output.RowsForm{Output: "ndjson"},
		Selection: parkedverbs.Selection{OlderThan: time.Hour}}); text != "" {
		t.Errorf("none failed an hour ago: %s", text)
	}
	var shown bytes.Buffer
	if err := (&parkedverbs.Show[outboxRemote]{Remote: remote, Form: output.Form{Output: "table"}, ID: id}).Print(
		t.Context(), &shown); err != nil ||
		!strings.Contains(shown.String(), `"sku": "sick"`) {
		t.Errorf("show: %s, %v", shown.String(), err)
	}

	ill.Store(false)
	var out bytes.Buffer
	retry := parkedverbs.Retry[outboxRemote]{Remote: remote, Form: output.Form{Output: "table"},
		Messages: parkedverbs.Messages{IDs: []string{id}}}
	if err := retry.Print(t.Context(), &out); err != nil || out.String() != "1 retried\n" {
		t.Fatalf("retry: %s, %v", out.String(), err)
	}
	if err := retry.Print(t.Context(), &out); err == nil || settings.ExitCode(err) != settings.ExitFailed {
		t.Errorf("a second retry: %v", err)
	}
	out.Reset()
	discard := parkedverbs.Discard[outboxRemote]{Remote: remote, Form: output.Form{Output: "json"},
		Messages: parkedverbs.Messages{IDs: []string{page.Parked[1].ID}}, Reason: "a test"}
	if err := discard.Print(t.Context(), &out); err != nil || out.String() != `{"discarded":1}`+"\n" {
		t.Fatalf("discard: %s, %v", out.String(), err)
	}
	out.Reset()
	all := parkedverbs.Retry[outboxRemote]{Remote: remote, Form: output.Form{Output: "ndjson"},
		Messages: parkedverbs.Messages{All: true}}
	if err := all.Print(t.Context(), &out); err != nil || out.String() != `{"retried":2}`+"\n" {
		t.Fatalf("retry all: %s, %v", out.String(), err)
	}
	service.AwaitParked(0)
}

func TestOutbox_VerbsWantToKnowWhatIsMeant(t *testing.T) {
	nowhere := outboxRemote{running{Target: "http://127.0.0.1:1"}}
	for _, m := range []parkedverbs.Messages{
		{},
		{IDs: []string{"a"}, All: true},
		{All: true, Selection: parkedverbs.Selection{Class: "too_large"}},
		{IDs: []string{"a"}, Selection: parkedverbs.Selection{OlderThan: time.Minute}},
		{IDs: []string{".."}},
	} {
		retry := parkedverbs.Retry[outboxRemote]{Remote: nowhere, Messages: m}
		if err := retry.Print(t.Context(), &bytes.Buffer{}); settings.ExitCode(err) != settings.ExitUsage {
			t.Errorf("%+v: %v", m, err)
		}
	}
	for _, args := range [][]string{
		{"outbox", "discard", "--all"},
		{"outbox", "show"},
		{"outbox", "ls", "-o", "xml"},
		{"outbox", "ls", "--target", "nowhere"},
	} {
		if err := run(args); settings.ExitCode(err) != settings.ExitUsage {
			t.Errorf("%q: %v", args, err)
		}
	}
}
