package retail_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/order/retail"
	"ordertally/shared/clock"
	"ordertally/shared/web/problem"
)

func connect(t *testing.T, url string, retryFor time.Duration) *orders.Client {
	t.Helper()
	c, err := orders.New(client.Config{URL: url, RetryFor: retryFor})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// revenue counts what the service holds.
func revenue(t *testing.T, c *orders.Client) (count int, pence int64) {
	t.Helper()
	for o, err := range c.All(t.Context(), orders.ListOrdersParams{Limit: 200}) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		pence += o.Total
	}
	return count, pence
}

const (
	threeDaysOrders  = 136 + 143 + 73
	threeDaysPence   = 5_896_079 + 4_774_838 + 4_694_371
	threeDaysRejects = 7 + 24 + 35
)

func TestImport_PlacesThreeDaysOnce(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := connect(t, service.URL, 10*time.Second)
	files := days("2010-12-01", "2010-12-02", "2010-12-03")
	last, total := 0, 0
	summary, err := retail.Import(t.Context(), files, c, retail.Options{Progress: func(d, n int) {
		if d != last+1 {
			t.Errorf("progress went from %d to %d", last, d)
		}
		last, total = d, n
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := threeDaysOrders + threeDaysRejects
	if summary.Files != 3 || summary.Placed != threeDaysOrders || summary.Replayed != 0 ||
		len(summary.Rejects) != threeDaysRejects ||
		summary.NotSent() != 0 || summary.Invoices != want || last != want || total != want {
		t.Fatalf("%d files, %d of %d invoices placed, %d replayed, %d rejected; progress %d of %d", summary.Files,
			summary.Placed,
			summary.Invoices, summary.Replayed, len(summary.Rejects), last, total)
	}
	if count, pence := revenue(t, c); count != threeDaysOrders || pence != threeDaysPence {
		t.Fatalf("the service holds %d orders of %d pence", count, pence)
	}
	if first := summary.Rejects[0]; first.Invoice != "C536379" || first.Row != 143 ||
		first.Code != retail.CodeCancelled ||
		first.Reason != "2010-12-01.csv: the invoice is a cancellation" {
		t.Fatalf("the first reject is %+v", first)
	}
	for i, r := range summary.Rejects[1:] {
		if before := summary.Rejects[i]; before.Reason[:10] > r.Reason[:10] || before.Reason[:10] == r.Reason[:10] &&
			before.Row > r.Row {
			t.Fatalf("%+v comes before %+v", before, r)
		}
	}

	before := service.Transactions()
	summary, err = retail.Import(t.Context(), files, c, retail.Options{Concurrency: 3})
	if err != nil || summary.Placed != 0 || summary.Replayed != threeDaysOrders ||
		len(summary.Rejects) != threeDaysRejects {
		t.Fatalf("again: %d placed, %d replayed, %d rejected, %v", summary.Placed, summary.Replayed,
			len(summary.Rejects), err)
	}
	if after := service.Transactions(); after != before {
		t.Fatalf("importing again wrote %d transactions", after-before)
	}
}

// cutter answers some requests. It loses the answers of others, before or after the service saw the request.
type cutter struct {
	next  http.Handler
	count atomic.Int64
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch c.count.Add(1) % 5 {
	case 1:
		panic(http.ErrAbortHandler)
	case 2:
		c.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case 3:
		problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "unavailable", ""))
	default:
		c.next.ServeHTTP(w, r)
	}
}

func TestImport_GetsThroughLostAnswersAndARestart(t *testing.T) {
	service := apitest.New(t, clock.System{})
	service.Wrap = func(next http.Handler) http.Handler { return &cutter{next: next} }
	service.Start()
	restarted := make(chan struct{})
	var once atomic.Bool
	summary, err := retail.Import(t.Context(), days("2010-12-03"), connect(t, service.URL, time.Minute), retail.Options{
		Concurrency: 32,
		Progress: func(done, _ int) {
			if done == 60 && once.CompareAndSwap(false, true) {
				go func() {
					defer close(restarted)
					service.Stop()
					service.Wrap = nil
					service.Start()
				}()
			}
		},
	})
	<-restarted
	if err != nil || summary.Placed+summary.Replayed != 73 || summary.Replayed == 0 {
		t.Fatalf("%+v, %v", summary, err)
	}
	if count, pence := revenue(t, connect(t, service.URL, -1)); count != 73 || pence != 4_694_371 {
		t.Fatalf("the service holds %d orders of %d pence", count, pence)
	}
}

func writeFile(t *testing.T, rows string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(head+rows), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImport_RejectsWhatTheServiceRefuses(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := connect(t, service.URL, -1)
	row := func(invoice, sku, description string) string {
		return invoice + "," + sku + "," + description + ",1,2010-12-01 08:26:00,1.00,,\n"
	}
	var huge strings.Builder
	for range 2000 {
		huge.WriteString(row("4", "A", strings.Repeat("d", 512)))
	}
	path := writeFile(t, row("1", "A", "a")+row("2", strings.Repeat("A", 65), "a")+row("3", "A", "a")+row("2", "", "a")+
		huge.String())
	summary, err := retail.Import(t.Context(), []string{path}, c, retail.Options{})
	if err != nil || summary.Placed != 2 || summary.NotSent() != 0 {
		t.Fatalf("%+v, %v", summary, err)
	}
	var b strings.Builder
	if err := retail.WriteRejects(&b, summary.Rejects); err != nil {
		t.Fatal(err)
	}
	want := "invoice,row,code,reason\n" +
		"2,3,invalid_order,\"/lines/0/sku has 65 characters, at most 64 are allowed (and 1 more)\"\n" +
		"4,6,body_too_large,The line is longer than 1048576 bytes.\n"
	if b.String() != want {
		t.Fatalf("got\n%s\nwant\n%s", b.String(), want)
	}

	changed := writeFile(t, row("1", "A", "another"))
	summary, err = retail.Import(t.Context(), []string{changed}, c, retail.Options{})
	if err != nil || len(summary.Rejects) != 1 || summary.Rejects[0].Code != retail.CodeChanged ||
		len(summary.NoResult) != 1 {
		t.Fatalf("an invoice that changed: %+v, %v", summary, err)
	}
}

func TestImport_EndsWhenTheServiceCannotTakeOrders(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"another service": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") },
		"no such path":    http.NotFound,
		"no order in it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte("{}"))
		},
		"refused": func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r, problem.New(http.StatusUnauthorized, "unauthorized", "no key"))
		},
		"later": func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "unavailable", ""))
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				answer(w, r)
			}))
			defer server.Close()
			summary, err := retail.Import(t.Context(), days("2010-12-01"), connect(t, server.URL, -1),
				retail.Options{Concurrency: 2})
			if err == nil || summary.Placed+summary.Replayed != 0 || len(summary.Rejects) != 7 ||
				summary.NotSent() != 136 {
				t.Fatalf("%+v, %v", summary, err)
			}
			if n := requests.Load(); n > 6 {
				t.Fatalf("%d requests were sent before the import gave up", n)
			}
		})
	}
}

func TestImport_GoesOnAfterAnInternalErrorOfOneOrder(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", client.NDJSON)
		lines := bufio.NewScanner(r.Body)
		for n := 1; lines.Scan(); n++ {
			status, answer := http.StatusCreated, `"order":{}`
			switch line := lines.Text(); {
			case strings.Contains(line, retail.KeyPrefix+"536365"):
				status, answer = http.StatusInternalServerError, `"problem":{"status":500,"code":"internal"}`
			case strings.Contains(line, retail.KeyPrefix+"536366"):
				status, answer = http.StatusBadRequest, `"problem":{"status":400,"code":"malformed_json"}`
			}
			fmt.Fprintf(w, `{"status":%d,"line":%d,%s}`+"\n", status, n, answer)
		}
	}))
	defer service.Close()
	summary, err := retail.Import(t.Context(), days("2010-12-01"), connect(t, service.URL, time.Minute),
		retail.Options{})
	if p, ok := errors.AsType[client.Problem](err); !ok || p.Status != 500 ||
		!strings.Contains(err.Error(), "536365") {
		t.Fatalf("got %v", err)
	}
	if summary.Placed != 134 || summary.NotSent() != 1 || len(summary.Rejects) != 8 {
		t.Fatalf("%+v", summary)
	}
}

func TestImport_SendsNothingWhenAFileCannotBeRead(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	before := service.Transactions()
	other := filepath.Join(t.TempDir(), "other.csv")
	if err := os.WriteFile(other, []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{other, filepath.Join(t.TempDir(), "missing.csv"), t.TempDir()} {
		summary, err := retail.Import(t.Context(), append(days("2010-12-01"), bad), connect(t, service.URL, -1),
			retail.Options{})
		if err == nil || !strings.Contains(err.Error(), bad) || summary.Files != 0 {
			t.Errorf("%s: %+v, %v", bad, summary, err)
		}
	}
	if service.Transactions() != before {
		t.Error("something was stored")
	}
}

func TestImport_StopsWithItsContext(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file := filepath.Join(t.TempDir(), "many.csv") // more invoices than are under way at once
	rows := []byte("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n")
	for i := range 3000 {
		rows = fmt.Appendf(rows, "%d,71053,LANTERN,1,2010-12-01 08:26:00,3.39,17850,United Kingdom\n", 100_000+i)
	}
	if err := os.WriteFile(file, rows, 0o600); err != nil {
		t.Fatal(err)
	}
	summary, err := retail.Import(ctx, []string{file}, connect(t, service.URL, time.Minute), retail.Options{
		Progress: func(int, int) { cancel() },
	})
	if !errors.Is(err, context.Canceled) || summary.Placed == 0 || summary.NotSent() == 0 {
		t.Fatalf("%+v, %v", summary, err)
	}
}

// placed returns the orders of the service, oldest first, without the parts that differ with every import.
func placed(t *testing.T, c *orders.Client) (drafts []orders.OrderDraft) {
	t.Helper()
	for o, err := range c.All(t.Context(), orders.ListOrdersParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		draft := orders.OrderDraft{
			CustomerID: o.CustomerID, Currency: o.Currency, PlacedAt: o.PlacedAt, Metadata: o.Metadata,
		}
		for _, line := range o.Lines {
			draft.Lines = append(draft.Lines, orders.DraftLine(line))
		}
		drafts = append(drafts, draft)
	}
	slices.Reverse(drafts)
	return drafts
}

func TestImport_PlacesAnInvoiceOverTwoFilesAsOneOrder(t *testing.T) {
	for _, files := range [][]string{
		{"testdata/split/part1.csv", "testdata/split/part2.csv"},
		{"testdata/split/part2.csv", "testdata/split/part1.csv"},
	} {
		service := apitest.Start(t, clock.System{})
		c := connect(t, service.URL, -1)
		summary, err := retail.Import(t.Context(), files, c, retail.Options{})
		if err != nil || summary.Placed != 3 || summary.Invoices != 3 || len(summary.Rejects) != 0 {
			t.Fatalf("%v: %+v, %v", files, summary, err)
		}
		for o, err := range c.All(t.Context(), orders.ListOrdersParams{}) {
			if err != nil {
				t.Fatal(err)
			}
			if o.Reference == "s9002" &&
				(len(o.Lines) != 3 || o.Total != 600 || o.Lines[0].SKU != "A" || o.Lines[2].SKU != "C") {
				t.Fatalf("%v: %+v", files, o)
			}
		}
		slices.Reverse(files)
		if again, err := retail.Import(t.Context(), files, c, retail.Options{}); err != nil || again.Replayed != 3 {
			t.Fatalf("the files the other way round: %+v, %v", again, err)
		}
	}
}

func TestImport_TakesWordsForNothingAsNoCustomer(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := connect(t, service.URL, -1)
	summary, err := retail.Import(t.Context(), []string{"testdata/nan.csv"}, c, retail.Options{Concurrency: 1})
	if err != nil || summary.Placed != 7 {
		t.Fatalf("%+v, %v", summary, err)
	}
	customers := map[string]int{}
	for _, d := range placed(t, c) {
		customers[d.CustomerID]++
		if country := d.Metadata["country"]; country != "United Kingdom" && len(d.Metadata) != 0 {
			t.Errorf("country %q", country)
		}
	}
	if want := map[string]int{"": 5, "17850": 2}; !reflect.DeepEqual(customers, want) {
		t.Fatalf("customers %v, want %v", customers, want)
	}
}

func TestRead_PartsFollowTheNamesOfTheirFiles(t *testing.T) {
	row := func(sku, minute string) string { return "7," + sku + ",a,1,2010-12-01 08:" + minute + ",1,,\n" }
	for _, order := range [][]string{{"part2.csv", "part10.csv", "part1.csv"}, {"part1.csv", "part2.csv", "part10.csv"},
		{"part10.csv", "part2.csv", "part1.csv"}} {
		var sources []retail.Source
		for _, name := range order {
			text := map[string]string{"part1.csv": row("A", "26"), "part2.csv": row("B", "27") + row("C", "27"),
				"part10.csv": row("D", "28")}[name]
			sources = append(sources, retail.Source{Name: name, Reader: strings.NewReader(head + text)})
		}
		r, err := retail.Read(sources, retail.Dialect{})
		if err != nil || len(r.Invoices) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		skus := ""
		for _, line := range r.Invoices[0].Draft.Lines {
			skus += line.SKU
		}
		if at := r.Invoices[0].Draft.PlacedAt.Format(time.Kitchen); skus != "ABCD" || at != "8:26AM" {
			t.Errorf("%v: %s at %s", order, skus, at)
		}
	}
}

func TestRead_AnInvoiceOverFilesIsRejectedWhole(t *testing.T) {
	row := func(sku, quantity string) string { return "7," + sku + ",a," + quantity + ",2010-12-01 08:26,1,,\n" }
	for name, c := range map[string]struct{ first, second, want string }{
		"bad in the second":      {row("A", "1"), row("B", "x"), "7 1 2 malformed_row"},
		"bad in the first":       {row("A", "-1"), row("B", "1"), "7 0 2 quantity_below_1"},
		"overlapping":            {row("A", "1") + row("B", "1"), row("B", "1") + row("C", "1"), "7 1 2 row_repeated"},
		"given again as a copy":  {row("A", "1"), row("A", "1"), "7 1 2 row_repeated"},
		"twice within one file":  {row("A", "1") + row("A", "1"), row("B", "1"), ""},
		"like rows of another's": {row("A", "1"), strings.Replace(row("A", "1"), "7", "8", 1), ""},
	} {
		r, err := retail.Read([]retail.Source{
			{Name: "a.csv", Reader: strings.NewReader(head + c.first)},
			{Name: "b.csv", Reader: strings.NewReader(head + c.second)},
		}, retail.Dialect{})
		got := ""
		if len(r.Rejects) > 0 {
			got = fmt.Sprintf("%s %d %d %s", r.Rejects[0].Invoice, r.Rejects[0].File(), r.Rejects[0].Row,
				r.Rejects[0].Code)
		}
		if err != nil || got != c.want || c.want != "" && len(r.Invoices) != 0 {
			t.Errorf("%s: %q, want %q: %+v, %v", name, got, c.want, r.Invoices, err)
		}
	}
}

func TestImport_RefusesAFileGivenTwice(t *testing.T) {
	path := days("2010-12-03")[0]
	link := filepath.Join(t.TempDir(), "again.csv")
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(absolute, link); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][]string{{path, path}, {path, link}} {
		summary, err := retail.Import(t.Context(), files, connect(t, "http://127.0.0.1:1", -1), retail.Options{})
		if err == nil || !strings.Contains(err.Error(), "are one file") || summary.Files != 0 {
			t.Errorf("%v: %+v, %v", files, summary, err)
		}
	}
}

func TestImport_NamesTheFilesThatCameToNothing(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := connect(t, service.URL, -1)
	file := func(name, rows string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(head+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.csv", "1,A,a,1,2010-12-01 08:26,1,,\n")
	for name, test := range map[string]struct{ rows, want string }{
		"empty.csv": {"", "(it has no rows)"},
		"bad.csv":   {"2,A,a,1,yesterday,1,,\n", `InvoiceDate "yesterday" is not an existing date`},
		"refused.csv": {"3," + strings.Repeat("A", 65) + ",a,1,2010-12-01 08:26,1,,\n",
			"/lines/0/sku has 65 characters"},
		"cancelled.csv": {"C4,A,a,-1,2010-12-01 08:26,1,,\n", ""},
		"some.csv":      {"2,A,a,1,yesterday,1,,\n5,A,a,1,2010-12-01 08:26,1,,\n", ""},
	} {
		path := file(name, test.rows)
		for range 2 { // placed, then replayed
			summary, err := retail.Import(t.Context(), []string{good, path}, c, retail.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(summary.NoResult, ", "); test.want == "" && got != "" || test.want != "" &&
				(!strings.HasPrefix(got, path) || !strings.Contains(got, test.want)) {
				t.Errorf("%s: no result of %q, want %q", name, got, test.want)
			}
		}
	}
}

func TestImport_IsRepeatedWithoutKeysToo(t *testing.T) {
	service := apitest.New(t, clock.System{})
	service.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Idempotency-Key") // as if it had expired, or another caller imported
			next.ServeHTTP(w, r)
		})
	}
	service.Start()
	c := connect(t, service.URL, time.Minute)
	row := func(invoice, sku string) string { return invoice + "," + sku + ",a,1,2010-12-01 08:26:00,1.00,,\n" }
	path := writeFile(t, row("1", "A")+row("1", "B")+row("2", "A")+row("3", "A"))
	if summary, err := retail.Import(t.Context(), []string{path}, c, retail.Options{}); err != nil ||
		summary.Placed != 3 {
		t.Fatalf("%+v, %v", summary, err)
	}
	if summary, err := retail.Import(t.Context(), []string{path}, c, retail.Options{}); err != nil ||
		summary.Replayed != 3 || summary.Placed != 0 {
		t.Fatalf("again: %+v, %v", summary, err)
	}
	changed := writeFile(t, row("1", "A")+row("2", "A")+row("2", "C")+row("3", "A"))
	summary, err := retail.Import(t.Context(), []string{changed}, c, retail.Options{})
	if err != nil || summary.Replayed != 1 || summary.Placed != 0 || len(summary.Rejects) != 2 ||
		summary.NotSent() != 0 {
		t.Fatalf("two that changed: %+v, %v", summary, err)
	}
	for _, r := range summary.Rejects {
		if r.Code != retail.CodeChanged || !strings.Contains(r.Reason, "reference="+r.Invoice+" answers it") {
			t.Errorf("%+v", r)
		}
	}
}

func TestWriteRejects_NoCellIsAFormula(t *testing.T) {
	f, err := os.ReadFile("testdata/formula.csv")
	if err != nil {
		t.Fatal(err)
	}
	r, err := readText(string(f) + "+1,A,one,1,bad,1.00,1,x\na;=1+1,A,one,1,bad,1.00,1,x\nok-1,A,one,1,bad,1.00,1,x\n")
	if err != nil {
		t.Fatal(err)
	}
	r.Rejects = append(r.Rejects, retail.Reject{Invoice: "\tt", Reason: "=x.csv: no"},
		retail.Reject{Invoice: "\rr", Reason: "\t=2"})
	var b strings.Builder
	if err := retail.WriteRejects(&b, r.Rejects); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[0])
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") || strings.Contains(cell, ";=") {
				t.Errorf("a spreadsheet runs %q", cell)
			}
		}
	}
	if want := []string{"'=1+1", "'@SUM(1)", "'-2+3", "'+1", "a;'=1+1", "ok-1", "'\tt", "'\rr"}; !slices.Equal(got,
		want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}
