package output

import (
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strings"
	"time"

	"github.com/rivo/uniseg"
)

// Said is a cell of a table that we wrote: it is never quoted.
type Said string

// Table is a table for people. Numbers and amounts stand on the right of their column. The zero Table has no titles.
type Table struct {
	rows  [][]cell
	notes []string
}

type cell struct {
	text  string
	right bool
}

// NewTable returns a table with a row of titles, unless there are none.
func NewTable(titles ...string) *Table {
	t := &Table{}
	if len(titles) > 0 {
		cells := make([]any, len(titles))
		for i, title := range titles {
			cells[i] = Said(title)
		}
		t.Row(cells...)
	}
	return t
}

// Row adds a row. A cell may be a text from anywhere, a Said, a number, a Money, a time or a bool. Zero times, empty
// texts and nil are "-".
func (t *Table) Row(cells ...any) {
	row := make([]cell, len(cells))
	for i, c := range cells {
		row[i] = cellOf(c)
	}
	t.rows = append(t.rows, row)
}

// Note adds a line below the table.
func (t *Table) Note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// Write writes the table.
func (t *Table) Write(out io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(c.text))
		}
	}
	var text strings.Builder
	for n, row := range t.rows {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(c.text))
			if c.right || n == 0 && t.isRight(i) {
				line.WriteString(pad + c.text + "  ")
			} else {
				line.WriteString(c.text + pad + "  ")
			}
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	for _, note := range t.notes {
		text.WriteString(note + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return written(err)
}

// isRight reports whether the cells below a title stand on the right.
func (t *Table) isRight(column int) bool {
	for _, row := range t.rows[1:] {
		if column < len(row) && row[column].right {
			return true
		}
	}
	return false
}

// cellOf returns how people read a value.
func cellOf(value any) cell {
	switch v := value.(type) {
	case nil:
		return cell{text: "-"}
	case Said:
		return cell{text: strings.ReplaceAll(string(v), "\n", " ")}
	case time.Time:
		return cell{text: Time(v)}
	case Money:
		return cell{v.String(), true}
	case *big.Int:
		if v == nil {
			return cell{"-", true}
		}
		return cell{v.String(), true}
	case bool:
		if v {
			return cell{text: "yes"}
		}
		return cell{text: "no"}
	}
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return cell{text: "-", right: v.Type().Elem().Kind() != reflect.String}
	case v.Kind() == reflect.Pointer:
		return cellOf(v.Elem().Interface())
	case v.CanInt() || v.CanFloat():
		return cell{fmt.Sprint(value), true}
	case v.Kind() == reflect.String:
		return cell{text: Quote(v.String())}
	}
	return cell{text: Quote(fmt.Sprint(value))}
}
