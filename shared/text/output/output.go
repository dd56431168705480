// Package output writes what commands answer: as a table for people, as JSON, as one JSON object a line, or as CSV. It
// also has how people read times, amounts and counts, and what a command shows while it works.
//
// JSON and CSV have what the service said: times in UTC, amounts in minor units. Only a text that a spreadsheet would
// run as a formula gets a leading apostrophe in CSV. Tables have local times with their offset and amounts in the
// currency's own unit.
package output

import (
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/mattn/go-isatty"
)

// Form is the flag of a command that answers with one thing.
type Form struct {
	// Output format: table is for people, json is the whole answer, ndjson is the same on one line.
	Output string `default:"table" enum:"table,json,ndjson" setting:"" short:"o"`
}

// RowsForm is the flag of a command that answers with rows.
type RowsForm struct {
	// Output format: table is for people, json is the whole answer, ndjson has one JSON object a row, csv begins with a
	// header.
	Output string `default:"table" enum:"table,json,ndjson,csv" setting:"" short:"o"`
}

// Write writes value in the format that was asked for. A value of type []byte is JSON already. people writes the table.
func (f *Form) Write(out io.Writer, value any, people func(io.Writer) error) error {
	switch f.Output {
	case "json":
		return JSON(out, value)
	case "ndjson":
		return Line(out, value)
	}
	return written(people(out))
}

// JSON writes a value as JSON: indented on a terminal, on one line elsewhere. A value of type []byte is JSON already.
func JSON(out io.Writer, value any) error {
	if _, isTerminal := terminal(out); !isTerminal {
		return Line(out, value)
	}
	return Indented(out, value)
}

// Indented writes a value as indented JSON. A value of type []byte is JSON already.
func Indented(out io.Writer, value any) error {
	return writeJSON(out, value, func(text *jsontext.Value) error {
		return text.Indent(jsontext.WithIndent("  "))
	})
}

// Line writes a value as JSON on one line. A value of type []byte is JSON already.
func Line(out io.Writer, value any) error {
	return writeJSON(out, value, func(text *jsontext.Value) error { return text.Compact() })
}

func writeJSON(out io.Writer, value any, form func(*jsontext.Value) error) error {
	text, isJSON := value.([]byte)
	if !isJSON {
		var err error
		if text, err = json.Marshal(value, json.Deterministic(true)); err != nil {
			return written(err)
		}
	}
	whole := append(jsontext.Value(nil), text...)
	if err := form(&whole); err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	_, err := out.Write(append(whole, '\n'))
	return written(err)
}

// Print writes a sentence for people.
func Print(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(out, format, args...)
	return written(err)
}

func written(err error) error {
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// terminal returns the terminal that out writes to, if it does.
func terminal(out io.Writer) (file *os.File, is bool) {
	switch w := out.(type) {
	case *os.File:
		file = w
	case interface{ File() *os.File }:
		file = w.File()
	}
	return file, file != nil && isatty.IsTerminal(file.Fd())
}
