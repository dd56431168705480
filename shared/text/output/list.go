package output

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/text/safetext"
)

// Column is one column of a list.
type Column[T any] struct {
	Title string // in a table; "" leaves the column out
	Name  string // in the header of CSV; "" leaves the column out
	Empty string // what a table has for no value; default "-"
	// Of returns the cell of a row: a text, a number, a Money, a time, a bool, or nil.
	Of func(*T) any
}

// List is an answer of rows.
type List[T any] struct {
	Answer  []byte // JSON, as the service wrote it
	Member  string // the member of the answer that has the rows
	Rows    []T
	Columns []Column[T]
	// Below are lines below a table.
	Below []string
	// Next is the cursor of the next page, "" for none, and More what stands before it: "more: --cursor ". It comes
	// below a table. Lines and CSV have no place for it: it goes to Notes.
	Next, More string
	Notes      io.Writer
	// Headless leaves the titles and the header out, for the pages after the first.
	Headless bool
}

// Write writes the list in that format.
func (l *List[T]) Write(out io.Writer, format string) error {
	switch format {
	case "json":
		return JSON(out, l.Answer)
	case "ndjson":
		return errors.Join(l.lines(out), l.noteNext())
	case "csv":
		return errors.Join(l.csv(out), l.noteNext())
	}
	return l.table(out)
}

func (l *List[T]) noteNext() error {
	if l.Next == "" {
		return nil
	}
	return Print(l.Notes, "%s%s\n", l.More, l.Next)
}

func (l *List[T]) table(out io.Writer) error {
	var titles []string
	var columns []Column[T]
	for _, c := range l.Columns {
		if c.Title != "" {
			titles, columns = append(titles, c.Title), append(columns, c)
		}
	}
	if l.Headless {
		titles = nil
	}
	t := NewTable(titles...)
	for i := range l.Rows {
		cells := make([]any, len(columns))
		for c := range columns {
			cells[c] = columns[c].Of(&l.Rows[i])
			if empty := columns[c].Empty; empty != "" && plain(cells[c]) == "" {
				cells[c] = Said(empty)
			}
		}
		t.Row(cells...)
	}
	t.notes = l.Below
	if l.Next != "" {
		t.Note("%s%s", l.More, l.Next)
	}
	return t.Write(out)
}

func (l *List[T]) lines(out io.Writer) error {
	rows, err := Rows(l.Answer, l.Member)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := Line(out, []byte(row)); err != nil {
			return err
		}
	}
	return nil
}

// Rows returns the elements of an answer's member, as the service wrote them.
func Rows(answer []byte, member string) ([]jsontext.Value, error) {
	var members map[string]jsontext.Value
	var rows []jsontext.Value
	err := json.Unmarshal(answer, &members)
	if err == nil && members[member] != nil {
		err = json.Unmarshal(members[member], &rows)
	}
	if err != nil {
		return nil, fmt.Errorf("read the service's answer: %w", err)
	}
	return rows, nil
}

func (l *List[T]) csv(out io.Writer) error {
	w := csv.NewWriter(out)
	var header []string
	var columns []Column[T]
	for _, c := range l.Columns {
		if c.Name != "" {
			header, columns = append(header, c.Name), append(columns, c)
		}
	}
	if !l.Headless {
		if err := w.Write(header); err != nil {
			return written(err)
		}
	}
	for i := range l.Rows {
		for c := range columns {
			header[c] = plain(columns[c].Of(&l.Rows[i]))
		}
		if err := w.Write(header); err != nil {
			return written(err)
		}
	}
	w.Flush()
	return written(w.Error())
}

// plain returns a cell of CSV: a value as the API writes it, but never a formula of a spreadsheet. Nothing is "".
func plain(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case Money:
		return plain(v.Minor)
	case *big.Int:
		if v == nil {
			return ""
		}
		return v.String()
	}
	switch v := reflect.ValueOf(value); {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return ""
	case v.Kind() == reflect.Pointer:
		return plain(v.Elem().Interface())
	case v.Kind() == reflect.String: // anybody may have written it
		return safetext.Cell(v.String())
	}
	return fmt.Sprint(value)
}
