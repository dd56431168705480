package retail_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ordertally/order/retail"
)

// dated returns a file with one invoice per date.
func dated(dates ...string) string {
	var b strings.Builder
	b.WriteString(head)
	for i, date := range dates {
		fmt.Fprintf(&b, "%d,A,a,1,%s,1,,UK\n", i+1, date)
	}
	return b.String()
}

func TestRead_AllRowsDecideWhetherTheMonthComesFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		dates []string
		how   retail.Dates
		want  []string // "-" is a reject
		taken string
	}{
		{"slashes", []string{"6/7/2011 8:26"}, retail.FindOut, []string{"06-07"},
			"6/7/2011 8:26 month first (no row tells; --dates day-first reads it otherwise)"},
		{"points", []string{"06.07.2011 08:26"}, retail.FindOut, []string{"07-06"},
			"06.07.2011 08:26 day first (no row tells; --dates month-first reads it otherwise)"},
		{"dashes", []string{"06-07-2011 08:26"}, retail.FindOut, []string{"07-06"},
			"06-07-2011 08:26 day first (no row tells; --dates month-first reads it otherwise)"},
		{"a day past 12 later on", []string{"6/7/2011 8:26", "13/7/2011 8:26"}, retail.FindOut,
			[]string{"07-06", "07-13"}, "13/7/2011 8:26 day first"},
		{"a month with dashes", []string{"06-07-2011 08:26", "07-13-2011 08:26"}, retail.FindOut,
			[]string{"06-07", "07-13"}, "07-13-2011 08:26 month first"},
		{"a month with points, a bad row", []string{"06.07.2011 08:26", "99.99.2011 08:26", "07.13.2011 08:26"},
			retail.FindOut, []string{"06-07", "-", "07-13"}, "07.13.2011 08:26 month first"},
		{"31 June decides too", []string{"6/7/2011 8:26", "6/31/2011 8:26", "31/7/2011 8:26"}, retail.FindOut,
			[]string{"07-06", "-", "07-31"}, "31/7/2011 8:26 day first"},
		{"day and month are one", []string{"6/6/2011 8:26"}, retail.FindOut, []string{"06-06"},
			"6/6/2011 8:26 month first"},
		{"styles apart", []string{"13/7/2011 8:26", "07.13.2011 08:26", "2011-07-06 08:26"}, retail.FindOut,
			[]string{"07-13", "07-13", "07-06"}, "13/7/2011 8:26 day first, 07.13.2011 08:26 month first"},
		{"told", []string{"6/7/2011 8:26", "13/7/2011 8:26", "7/13/2011 8:26"}, retail.DayFirst,
			[]string{"07-06", "07-13", "-"}, "6/7/2011 8:26 day first"},
		{"told otherwise", []string{"06.07.2011 08:26"}, retail.MonthFirst, []string{"06-07"},
			"06.07.2011 08:26 month first"},
		{"years first need no telling", []string{"2011-06-07 08:26", "2011/06/07 08:26"}, retail.DayFirst,
			[]string{"06-07", "06-07"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := retail.Read([]retail.Source{{Name: "a.csv", Reader: strings.NewReader(dated(c.dates...))}},
				retail.Dialect{Dates: c.how})
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Repeat([]string{"-"}, len(c.dates))
			for _, in := range r.Invoices {
				got[in.Row-2] = in.Draft.PlacedAt.Format("01-02")
			}
			if !slices.Equal(got, c.want) || strings.Join(r.Taken[0].Dates, ", ") != c.taken {
				t.Fatalf("got %v, taken %q; want %v, %q", got, r.Taken[0].Dates, c.want, c.taken)
			}
		})
	}
}

func TestRead_DatesThatContradictEachOtherAreNotGuessed(t *testing.T) {
	_, err := readText(dated("6/7/2011 8:26", "13/7/2011 8:26", "7/13/2011 8:26", "7/14/2011 8:26"))
	if err == nil || !strings.Contains(err.Error(),
		"month comes first in 2 rows, such as row 4, and the day in 1, such as row 3; say --dates") {
		t.Fatal(err)
	}
}

func TestRead_SaysWhatDiffersInAHeader(t *testing.T) {
	for header, want := range map[string]string{
		"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,Cost,CustomerID,Country": `lacks UnitPrice,` +
			` has "Cost", which is no column of the layout;`,
		"InvoiceNo;StockCode;Description;Quantity;InvoiceDate;UnitPrice;CustomerID": `lacks Country;`,
		"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country,Tax": `has "Tax",` +
			` which is no column of the layout;`,
		"InvoiceNo,Invoice,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country": `lacks StockCode,` +
			` has "Invoice" twice;`,
		"InvoiceNo|StockCode|Description": `the first line is ` +
			`"InvoiceNo|StockCode|Description", want the header InvoiceNo,`,
		`InvoiceNo,"StockCode`: `the header cannot be read: a quoted field is not closed`,
		"InvoiceNo,a,b,c,d,e,f": `lacks StockCode,` +
			` Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country, has "a",` +
			` which is no column of the layout, has "b", which is no column of the layout, has "c",` +
			` which is no column of the layout, differs in 3 more;`,
	} {
		if _, err := readText(header + "\n1,A,a,1,2010-12-01 08:26,1,,UK\n"); err == nil ||
			!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nwant %s", header, err, want)
		}
	}
}

func TestParseDialect_TakesWordsAndRefusesOthers(t *testing.T) {
	for _, c := range []struct {
		words [3]string
		want  retail.Dialect
	}{
		{[3]string{"auto", "auto", "auto"}, retail.Dialect{}},
		{[3]string{}, retail.Dialect{}},
		{[3]string{"Windows-1252", "semicolon", "day-first"},
			retail.Dialect{Encoding: "windows-1252", Separator: ';', Dates: retail.DayFirst}},
		{[3]string{"utf-16be", "\t", "month-first"},
			retail.Dialect{Encoding: "utf-16be", Separator: '\t', Dates: retail.MonthFirst}},
	} {
		if got, err := retail.ParseDialect(c.words[0], c.words[1], c.words[2]); err != nil || got != c.want {
			t.Errorf("%v: %+v, %v", c.words, got, err)
		}
	}
	for _, words := range [][3]string{{"ebcdic"}, {"auto", "|"}, {"auto", "auto", "us"}} {
		if got, err := retail.ParseDialect(words[0], words[1], words[2]); err == nil ||
			!strings.Contains(err.Error(), "want auto") {
			t.Errorf("%v: %+v, %v", words, got, err)
		}
	}
}

func TestRead_AnEncodingThatIsToldDecides(t *testing.T) {
	text := head + "1,A,\xa4 caf\xe9,1,2010-12-01 08:26,1,,UK\n"
	for encoding, want := range map[string]string{"": "¤ café", "windows-1252": "¤ café", "iso-8859-15": "€ café",
		"utf-8": ""} {
		r, err := retail.Read([]retail.Source{{Name: "a.csv", Reader: strings.NewReader(text)}},
			retail.Dialect{Encoding: encoding})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(r.Invoices) == 1 {
			got = r.Invoices[0].Draft.Lines[0].Description
		}
		if got != want {
			t.Errorf("%q: %q, want %q; %+v", encoding, got, want, r.Rejects)
		}
	}
}

func TestRead_CharactersThatAreNoneRejectTheirRow(t *testing.T) {
	var b strings.Builder
	for _, c := range strings.Replace(dated("2010-12-01 08:26", "2010-12-01 08:26"), "2,A,a", "2,A,~", 1) {
		if c == '~' {
			b.WriteString("\x00\xd8") // half of a pair
			continue
		}
		b.WriteString(string(c) + "\x00")
	}
	r, err := readText(b.String())
	if err != nil || len(r.Invoices) != 1 || len(r.Rejects) != 1 || r.Rejects[0].Reason != "the row is not UTF-16" {
		t.Fatalf("%+v, %v", r, err)
	}
}
