package retail_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/order/retail"
	"ordertally/shared/clock"
)

// dressed is the content of each file of testdata/dress, whatever its form. Only the invoice numbers differ.
func dressed() []orders.OrderDraft {
	at := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	country := map[string]string{"country": "United Kingdom"}
	return []orders.OrderDraft{
		{CustomerID: "17850", Currency: "GBP", PlacedAt: at, Metadata: country, Lines: []orders.DraftLine{
			{SKU: "85123A", Description: "WHITE HANGING HEART", Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Description: "LANTERN £ CAFÉ", Quantity: 6, UnitPrice: 339},
		}},
		{CustomerID: "17850", Currency: "GBP", PlacedAt: at.Add(2 * time.Minute), Metadata: country,
			Lines: []orders.DraftLine{
				{SKU: "22633", Description: "HAND WARMER", Quantity: 6, UnitPrice: 185},
			}},
	}
}

// dresses are the files of testdata/dress, and siblings of them.
func dresses(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/dress/*.csv")
	if err != nil || len(paths) != 8 {
		t.Fatalf("%v, %v", paths, err)
	}
	files := map[string]string{}
	for _, path := range paths {
		files[filepath.Base(path)] = path
	}
	plain, err := os.ReadFile("testdata/dress/no-seconds.csv")
	if err != nil {
		t.Fatal(err)
	}
	semicolons, err := os.ReadFile("testdata/dress/semicolon.csv")
	if err != nil {
		t.Fatal(err)
	}
	replace := func(text []byte, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(string(text)) }
	bigEndian, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes(plain)
	if err != nil {
		t.Fatal(err)
	}
	noMark, err := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(replace(plain, ",", "\t"))
	if err != nil {
		t.Fatal(err)
	}
	windows, err := charmap.Windows1252.NewEncoder().String(string(semicolons))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"utf16-big-endian":   string(bigEndian),
		"utf16-tabs-no-mark": noMark,
		"windows-semicolons": windows,
		"marked-semicolons": "\ufeffsep=;\r\n" +
			replace(semicolons, "\n", "\r\n", "01.12.2010", `"01.12.2010`, "08:26;", `08:26";`, "08:28;", `08:28";`),
		"iso-T":       replace(plain, "01 08", "01T08", "26,", "26:00,"),
		"slashed-iso": replace(plain, "2010-12-01", "2010/12/01"),
		"sub-second":  replace(plain, "08:26,", "08:26:00.000,", "08:28,", "08:28:00.000,"),
		"twelve-hours": replace(plain, "2010-12-01 08:26", "12/1/10 8:26 AM", "2010-12-01 08:28",
			"12/1/10 8:28:00 AM"),
		"quoted-comma-price": replace(plain, "2.55", `"2,55"`, "3.39", `"3,39"`, "1.85", `"1,85"`),
		"named-otherwise": replace(plain, "InvoiceNo", "invoice_no", "UnitPrice", "Unit Price", "CustomerID",
			"customer_id"),
		"other-order": "CustomerID,Country,InvoiceNo,InvoiceDate,StockCode,Description,UnitPrice,Quantity\n" +
			"17850,United Kingdom,m1,2010-12-01 08:26,85123A,WHITE HANGING HEART,2.55,6\n" +
			"17850,United Kingdom,m1,2010-12-01 08:26,71053,LANTERN £ CAFÉ,3.39,6\n" +
			"17850,United Kingdom,m2,2010-12-01 08:28,22633,HAND WARMER,1.85,6\n",
	} {
		files[name] = filepath.Join(dir, name+".csv")
		if err := os.WriteFile(files[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestImport_TakesTheDataSetInEveryDress(t *testing.T) {
	for name, path := range dresses(t) {
		t.Run(name, func(t *testing.T) {
			service := apitest.Start(t, clock.System{})
			c := connect(t, service.URL, -1)
			summary, err := retail.Import(t.Context(), []string{path}, c, retail.Options{Concurrency: 1})
			if err != nil || summary.Placed != 2 {
				t.Fatalf("%d placed of %d, rejects %+v, %v", summary.Placed, summary.Invoices, summary.Rejects, err)
			}
			if got := placed(t, c); !reflect.DeepEqual(got, dressed()) {
				t.Fatalf("got  %+v\nwant %+v", got, dressed())
			}
		})
	}
}
