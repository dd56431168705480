package retail_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/client/orders"
	"ordertally/order"
	"ordertally/order/retail"
)

func days(names ...string) (paths []string) {
	for _, name := range names {
		paths = append(paths, filepath.Join("..", "..", "testdata", "online-retail", name+".csv"))
	}
	return paths
}

func TestRead_ReadsThreeDaysOfRealOrders(t *testing.T) {
	for _, day := range []struct {
		name            string
		orders, rejects int
		pence           int64
	}{
		{"2010-12-01", 136, 7, 5_896_079},
		{"2010-12-02", 143, 24, 4_774_838},
		{"2010-12-03", 73, 35, 4_694_371},
	} {
		f, err := os.Open(days(day.name)[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		file, err := retail.Read([]retail.Source{{Name: day.name, Reader: f}}, retail.Dialect{})
		if err != nil {
			t.Fatal(err)
		}
		var pence int64
		for i := range file.Invoices {
			in := &file.Invoices[i]
			if in.Draft.PlacedAt.Format(time.DateOnly) != day.name || in.Number != in.Draft.Reference {
				t.Errorf("%s: %+v", day.name, in)
			}
			body, err := json.Marshal(in.Draft)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := order.DecodeDraft(body, time.Now())
			total, ok := order.Total(taken.Lines)
			if err != nil || !ok || len(taken.Lines) != len(in.Draft.Lines) ||
				!taken.PlacedAt.Equal(in.Draft.PlacedAt) ||
				taken.CustomerID != in.Draft.CustomerID || !maps.Equal(taken.Metadata, in.Draft.Metadata) {
				t.Errorf("invoice %s is no valid order: %v", in.Number, err)
			}
			pence += total
		}
		if len(file.Invoices) != day.orders || pence != day.pence || len(file.Rejects) != day.rejects {
			t.Errorf("%s: %d orders of %d pence, %d rejects; want %+v", day.name, len(file.Invoices), pence,
				len(file.Rejects), day)
		}
	}
}

const head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

func readText(text string) (retail.Reading, error) {
	return retail.Read([]retail.Source{{Name: "a.csv", Reader: strings.NewReader(text)}}, retail.Dialect{})
}

func read(t *testing.T, text string) retail.Reading {
	t.Helper()
	file, err := readText(text)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRead_MakesRowsOfAnInvoiceOneOrderWhereverTheyStand(t *testing.T) {
	file := read(t, "\ufeff"+strings.TrimSuffix(head, "\n")+"\r\n"+
		"1,A,\"WHITE, \"\"HEART\"\" \",6,2010-12-01 08:26:00,2.5,17850.0,United Kingdom\r\n"+
		"2,B,,1,2010-12-01 08:28:00,0,,\r\n"+
		"\r\n"+
		"1,C,LAST,7,2010-12-01 08:27:00,3.39,99,France")
	type invoice struct {
		Number string
		Row    int
		Draft  orders.OrderDraft
	}
	want := []invoice{
		{Number: "1", Row: 2, Draft: orders.OrderDraft{
			Source:    "online-retail",
			Reference: "1", CustomerID: "17850", Currency: "GBP",
			PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
			Lines: []orders.DraftLine{{SKU: "A", Description: `WHITE, "HEART" `, Quantity: 6, UnitPrice: 250},
				{SKU: "C", Description: "LAST", Quantity: 7, UnitPrice: 339}},
			Metadata: map[string]string{"country": "United Kingdom"},
		}},
		{Number: "2", Row: 3, Draft: orders.OrderDraft{
			Source:    "online-retail",
			Reference: "2", Currency: "GBP", PlacedAt: time.Date(2010, 12, 1, 8, 28, 0, 0, time.UTC),
			Lines: []orders.DraftLine{{SKU: "B", Quantity: 1}},
		}},
	}
	var got []invoice
	for _, in := range file.Invoices {
		got = append(got, invoice{in.Number, in.Row, in.Draft})
	}
	if !reflect.DeepEqual(got, want) || file.Rejects != nil {
		t.Fatalf("got  %+v\nwant %+v", file, want)
	}
}

func TestRead_RejectsAnInvoiceWithABadRowWhole(t *testing.T) {
	const good = "1,A,a,1,2010-12-01 08:26:00,2.55,,UK\n"
	for _, c := range []struct{ name, row, want string }{
		{"cancelled", "C1,A,a,-1,2010-12-01 08:26:00,2.55,,UK", "C1 3 cancelled"},
		{"quantity 0", "1,A,a,0,2010-12-01 08:26:00,2.55,,UK", "1 3 quantity_below_1"},
		{"quantity -10", "1,A,a,-10,2010-12-01 08:26:00,2.55,,UK", "1 3 quantity_below_1"},
		{"quantity no integer", "1,A,a,1.5,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"quantity of a column that had a gap", "1,A,a,6.0,2010-12-01 08:26:00,2.55,,UK", ""},
		{"a thousand, or one", "1,A,a,1.000,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"quantity -6.0", "1,A,a,-6.0,2010-12-01 08:26:00,2.55,,UK", "1 3 quantity_below_1"},
		{"four decimals, two of them zeros", "1,A,a,1,2010-12-01 08:26:00,2.5500,,UK", ""},
		{"four decimals", "1,A,a,1,2010-12-01 08:26:00,2.5510,,UK", "1 3 price_decimals"},
		{"pence alone", "1,A,a,1,2010-12-01 08:26:00,.5,,UK", ""},
		{"a plus", "1,A,a,1,2010-12-01 08:26:00,+2.55,,UK", ""},
		{"two signs", "1,A,a,1,2010-12-01 08:26:00,-+2.55,,UK", "1 3 malformed_row"},
		{"padded", " 1 ,A,a, 1 , 2010-12-01 08:26:00 , 2.55 ,,UK", ""},
		{"quantity too large", "1,A,a,9223372036854775808,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"price -0.01", "1,A,a,1,2010-12-01 08:26:00,-0.01,,UK", "1 3 price_below_0"},
		{"price -11062.06", "1,A,a,1,2010-12-01 08:26:00,-11062.06,,UK", "1 3 price_below_0"},
		{"price -0.0", "1,A,a,1,2010-12-01 08:26:00,-0.0,,UK", ""},
		{"three decimals", "1,A,a,1,2010-12-01 08:26:00,0.001,,UK", "1 3 price_decimals"},
		{"exponent", "1,A,a,1,2010-12-01 08:26:00,1e2,,UK", "1 3 malformed_row"},
		{"no price", "1,A,a,1,2010-12-01 08:26:00,,,UK", "1 3 malformed_row"},
		{"point alone", "1,A,a,1,2010-12-01 08:26:00,.,,UK", "1 3 malformed_row"},
		{"NaN", "1,A,a,1,2010-12-01 08:26:00,NaN,,UK", "1 3 malformed_row"},
		{"price too large", "1,A,a,1,2010-12-01 08:26:00,92233720368547758.08,,UK", "1 3 malformed_row"},
		{"a date that does not exist", "1,A,a,1,2010-02-29 08:26:00,1,,UK", "1 3 malformed_row"},
		{"no minutes", "1,A,a,1,2010-12-01 08,1,,UK", "1 3 malformed_row"},
		{"no time", "1,A,a,1,2010-12-01,1,,UK", "1 3 malformed_row"},
		{"hour 24", "1,A,a,1,2010-12-01 24:00,1,,UK", "1 3 malformed_row"},
		{"hour 13 PM", "1,A,a,1,12/1/2010 13:00 PM,1,,UK", "1 3 malformed_row"},
		{"hour 0 AM", "1,A,a,1,12/1/2010 0:30 AM,1,,UK", "1 3 malformed_row"},
		{"a zone", "1,A,a,1,2010-12-01T08:26:00Z,1,,UK", "1 3 malformed_row"},
		{"mixed signs", "1,A,a,1,12/1-2010 8:26,1,,UK", "1 3 malformed_row"},
		{"year of two digits with dashes", "1,A,a,1,01-12-10 8:26,1,,UK", "1 3 malformed_row"},
		{"a thousand, or three decimals", "1,A,a,1,2010-12-01 08:26:00,\"1,234\",,UK", "1 3 price_decimals"},
		{"grouped", "1,A,a,1,2010-12-01 08:26:00,\"1,234.5\",,UK", ""},
		{"grouped with points", "1,A,a,1,2010-12-01 08:26:00,\"1.234.567,50\",,UK", ""},
		{"grouped wrongly", "1,A,a,1,2010-12-01 08:26:00,\"1,23.50\",,UK", "1 3 malformed_row"},
		{"no invoice but a word for none", "nan,A,a,1,2010-12-01 08:26:00,1,,UK", " 3 malformed_row"},
		{"short", "1,A,a,1", "1 3 malformed_row"},
		{"long", "1,A,a,1,2010-12-01 08:26:00,2.55,,UK,", "1 3 malformed_row"},
		{"not UTF-8, in a file that is",
			"1,A,caf\xe9,1,2010-12-01 08:26:00,2.55,,UK\n3,A,café,1,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"quote open", "1,A,\"a,1,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"quote inside", "1,A,15\" a,1,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"text after a quote", "1,A,\"a\"b,1,2010-12-01 08:26:00,2.55,,UK", "1 3 malformed_row"},
		{"no invoice number", ",A,a,1,2010-12-01 08:26:00,2.55,,UK", " 3 malformed_row"},
		{"invoice number no key", "1 é,A,a,1,2010-12-01 08:26:00,2.55,,UK", " 3 malformed_row"},
		{"first row bad", "1,A,a,1,2010-12-01 08:26:00,-1,,UK\n1,A,a,-1,2010-12-01 08:26:00,1,,UK",
			"1 3 price_below_0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := read(t, head+good+c.row+"\n2,B,b,1,2010-12-01 08:26:00,1,,UK\n")
			var got []string
			for _, r := range file.Rejects {
				got = append(got, fmt.Sprintf("%s %d %s", r.Invoice, r.Row, r.Code))
				if r.Reason == "" {
					t.Errorf("no reason: %+v", r)
				}
			}
			if strings.Join(got, "\n") != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			numbers := map[string]bool{}
			for _, in := range file.Invoices {
				numbers[in.Number] = true
			}
			if !numbers["2"] || numbers["1"] != !strings.HasPrefix(c.want, "1 ") {
				t.Fatalf("imported: %v", numbers)
			}
		})
	}
}

func TestRead_RefusesFilesOfAnotherLayout(t *testing.T) {
	for _, text := range []string{"", "\n", "Invoice,StockCode\n", "536365,85123A,W,6,2010-12-01 08:26:00,2.55,1,UK\n",
		"x" + head, "sep=;\n"} {
		if file, err := readText(text); err == nil || !strings.Contains(err.Error(), "InvoiceNo,StockCode") {
			t.Errorf("%q: %+v, %v", text, file, err)
		}
	}
}

func TestRead_TakesTimesAsLondonTimes(t *testing.T) {
	for wall, want := range map[string]string{
		"2010-12-01 08:26:00": "2010-12-01T08:26:00Z",
		"2011-06-01 08:26:00": "2011-06-01T07:26:00Z",
		"2011-03-27 00:59:59": "2011-03-27T00:59:59Z",
		"2011-03-27 01:30:00": "2011-03-27T01:30:00Z", // skipped: 02:30 summer time
		"2011-03-27 02:00:00": "2011-03-27T01:00:00Z",
		"2011-10-30 00:59:59": "2011-10-29T23:59:59Z",
		"2011-10-30 01:30:00": "2011-10-30T00:30:00Z", // comes twice: the first
		"2011-10-30 02:00:00": "2011-10-30T02:00:00Z",
		"2011-10-31 01:30:00": "2011-10-31T01:30:00Z",
		"2011-03-28 00:30:00": "2011-03-27T23:30:00Z",
	} {
		file := read(t, head+"1,A,a,1,"+wall+",1,,\n")
		if len(file.Invoices) != 1 || file.Invoices[0].Draft.PlacedAt.Format(time.RFC3339) != want {
			t.Errorf("%s: %+v, want %s", wall, file, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\xff\xfeI\x00n\x00v\x00o\x00"))
	f.Add([]byte("sep=;\nInvoice;Price;Customer " +
		"ID;Country;Description;StockCode;Quantity;InvoiceDate\n1;2,55;1;UK;caf\xe9;A;1;1.2.11 8:26 PM\n"))
	f.Add([]byte("1,A,a,1,13/12/2010 8:26 PM,\"1.234,5\",nan,NULL\n2,A,a,1,12/13/10 8:26,1,1785.00,NA\n"))
	f.Add([]byte(head + "1,A,a,1,2010-12-01 08:26:00,2.55,17850.0,UK\nC1,A,\"a\"\"b\",-1,x,1e5,,\n,,,\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = readText(string(data)) // whatever the header and the encoding are, it does not panic
		file, err := readText(head + string(data))
		if err != nil {
			if !strings.Contains(err.Error(), "contradict") {
				t.Fatal(err)
			}
			return
		}
		seen := map[string]bool{}
		for _, in := range file.Invoices {
			if seen[in.Number] || !order.ValidKey(retail.KeyPrefix+in.Number) || len(in.Draft.Lines) == 0 {
				t.Fatalf("%q: %+v", data, in)
			}
			seen[in.Number] = true
			if _, err := json.Marshal(in.Draft); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
		}
		for _, r := range file.Rejects {
			if r.Invoice != "" && seen[r.Invoice] || r.Row < 2 {
				t.Fatalf("%q: %+v", data, r)
			}
			seen[r.Invoice] = true
		}
	})
}
