package retail

import (
	"fmt"
	"slices"
	"strings"
)

// The columns of the layout. A file may have them in any order.
const (
	columnInvoice = iota
	columnSKU
	columnDescription
	columnQuantity
	columnDate
	columnPrice
	columnCustomer
	columnCountry
	columns
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

// names are the names of the columns. Online Retail II uses other names for some. Case, spaces and underscores do not
// matter.
var names = map[string]int{
	"invoiceno": columnInvoice, "invoice": columnInvoice, "stockcode": columnSKU, "description": columnDescription,
	"quantity": columnQuantity, "invoicedate": columnDate, "unitprice": columnPrice, "price": columnPrice,
	"customerid": columnCustomer, "country": columnCountry,
}

var bare = strings.NewReplacer(" ", "", "_", "")

// columnOf returns the column that a header name stands for, or -1.
func columnOf(name string) int {
	if column, known := names[strings.ToLower(bare.Replace(name))]; known {
		return column
	}
	return -1
}

// places has the position of each column in a row.
type places [columns]int

// readHeader finds the positions of the columns. If separator is 0, it takes the one that finds the most columns.
func readHeader(line string, separator byte) (places, byte, error) {
	if separator == 0 {
		most := 0
		for _, candidate := range []byte(",;\t") {
			if known := len(knownColumns(line, candidate)); known > most {
				most, separator = known, candidate
			}
		}
		if most == 0 {
			return places{}, 0, fmt.Errorf("the first line is %s, want the header %s", show(line), header)
		}
	}
	fields, fault := splitRow(nil, line, separator)
	if fault != "" {
		return places{}, 0, fmt.Errorf("the header cannot be read: %s; want %s", fault, header)
	}
	at := places{}
	found := knownColumns(line, separator)
	var differs, missing []string
	for i, name := range fields {
		switch column := columnOf(name); {
		case column < 0:
			differs = append(differs, "has "+show(name)+", which is no column of the layout")
		case found[column] != i:
			differs = append(differs, "has "+show(name)+" twice")
		default:
			at[column] = i
		}
	}
	for column, name := range strings.Split(header, ",") {
		if _, ok := found[column]; !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		differs = slices.Insert(differs, 0, "lacks "+strings.Join(missing, ", "))
	}
	const most = 4
	if more := len(differs) - most; more > 0 {
		differs = append(differs[:most], fmt.Sprintf("differs in %d more", more))
	}
	if differs != nil {
		return places{}, 0, fmt.Errorf("the header %s; want %s, in any order", strings.Join(differs, ", "), header)
	}
	return at, separator, nil
}

// knownColumns returns the columns of the layout that a header has, and the first position of each.
func knownColumns(line string, separator byte) map[int]int {
	found := map[int]int{}
	fields, _ := splitRow(nil, line, separator)
	for i, name := range fields {
		column := columnOf(name)
		if _, twice := found[column]; column >= 0 && !twice {
			found[column] = i
		}
	}
	return found
}

// separatorLine returns the separator that a first line such as sep=; gives to spreadsheets, or 0.
func separatorLine(line string) byte {
	if rest, ok := strings.CutPrefix(line, "sep="); ok && len(rest) == 1 && strings.Contains(",;\t", rest) {
		return rest[0]
	}
	return 0
}
