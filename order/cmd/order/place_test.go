package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

const oneOrder = `{"currency":"GBP","customer_id":"17850","reference":"r-1","lines":[` +
	`{"sku":"85123A","quantity":6,"unit_price":255,"description":"WHITE HANGING HEART"}]}`

func place(t *testing.T, target, order string) orders.PlacedOrder {
	t.Helper()
	verb := placeCmd{remote: remote{running{Target: target}, output.Form{Output: "json"}}, File: "-"}
	var out strings.Builder
	if err := verb.run(t.Context(), strings.NewReader(order), &out); err != nil {
		t.Fatal(err)
	}
	var placed orders.PlacedOrder
	if err := json.Unmarshal([]byte(out.String()), &placed); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	return placed
}

func TestPlace_PlacesWhatAFileHas(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	file := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(file, []byte(oneOrder), 0o600); err != nil {
		t.Fatal(err)
	}
	verb := placeCmd{remote: remote{running{Target: service.URL}, output.Form{Output: "table"}}, File: file,
		IdempotencyKey: "k"}
	for _, did := range []string{"placed", "was placed before"} {
		var out strings.Builder
		if err := verb.run(t.Context(), nil, &out); err != nil || !strings.HasSuffix(out.String(),
			" "+did+": 1 line, GBP 15.30\n") {
			t.Errorf("%v: %s", err, &out)
		}
	}
	if first, second := place(t, service.URL, oneOrder), place(t, service.URL, oneOrder); first.ID == second.ID {
		t.Error("two requests without a key are one order")
	}
}

func TestPlace_RefusesWhatIsNotOneOrder(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	before := service.Transactions()
	for _, tc := range []struct {
		file, stdin, says string
		code              int
	}{
		{"-", "", "standard input is empty", settings.ExitUsage},
		{"-", oneOrder + oneOrder, "at byte", settings.ExitUsage},
		{"-", `{"currency":"GBP",}`, "at byte 18", settings.ExitUsage},
		{filepath.Join(t.TempDir(), "none.json"), "", "none.json: no such file", settings.ExitUsage},
		{"-", `{"currency":"GBP","lines":[{"sku":"a","quantity":0,"unit_price":1}],"colour":"red"}`,
			"/lines/0/quantity", settings.ExitFailed},
	} {
		verb := placeCmd{remote: remote{running{Target: service.URL}, output.Form{Output: "table"}}, File: tc.file}
		var out strings.Builder
		err := verb.run(t.Context(), strings.NewReader(tc.stdin), &out)
		if settings.ExitCode(err) != tc.code || !strings.Contains(err.Error(), tc.says) || out.Len() > 0 {
			t.Errorf("%q: exit code %d, %v, %s", tc.stdin, settings.ExitCode(err), err, &out)
		}
	}
	if service.Transactions() != before {
		t.Error("something was written")
	}
}

func TestGetAndLs_ShowWhatWasPlaced(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	first := place(t, service.URL, oneOrder)
	second := place(t, service.URL, `{"currency":"JPY","lines":[{"sku":"b","quantity":2,"unit_price":50}]}`)
	get := getCmd{remote: remote{running{Target: service.URL}, output.Form{Output: "table"}}, ID: first.ID}
	var out strings.Builder
	if err := get.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"order      " + first.ID + "\n", "status     placed\n", "customer   17850\n",
		"total      GBP 15.30\n", "85123A         6    GBP 2.55  WHITE HANGING HEART\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	list := func(c lsCmd) (string, string) {
		var out, stderr strings.Builder
		c.Target = service.URL
		if err := c.run(t.Context(), &out, &stderr); err != nil {
			t.Fatal(err)
		}
		return out.String(), stderr.String()
	}
	all, _ := list(lsCmd{RowsForm: output.RowsForm{Output: "csv"}, Limit: 1, All: true})
	lines := strings.Split(all, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "id,placed_at,") || !strings.HasPrefix(lines[1], second.ID) ||
		!strings.HasPrefix(lines[2], first.ID) {
		t.Errorf("all pages: %s", all)
	}
	page, note := list(lsCmd{RowsForm: output.RowsForm{Output: "ndjson"}, Limit: 1})
	if strings.Count(page, "\n") != 1 || !strings.HasPrefix(note, "more: --cursor ") {
		t.Errorf("a page: %s%s", page, note)
	}
	rest, _ := list(lsCmd{RowsForm: output.RowsForm{Output: "table"}, Limit: 1,
		Cursor: strings.TrimSpace(strings.TrimPrefix(note, "more: --cursor "))})
	if !strings.Contains(rest, first.ID) || strings.Contains(rest, "more") {
		t.Errorf("the next page: %s", rest)
	}
	if one, _ := list(lsCmd{RowsForm: output.RowsForm{Output: "csv"}, Customer: "17850"}); strings.Count(one,
		"\n") != 2 {
		t.Errorf("by customer: %s", one)
	}
}
