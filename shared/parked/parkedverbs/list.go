package parkedverbs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"ordertally/shared/parked"
)

// List says how to write a page of messages.
type List struct {
	Member  string // the member of the answer that has the messages
	Columns []Column
	Program string // the program that checks the file, such as order
	More    string // the text before the cursor of the next page in a table
}

// page is a page of messages, and the ids of damaged ones.
type page struct {
	messages []json.RawMessage
	Corrupt  json.RawMessage      `json:"corrupt"`
	Next     string               `json:"next_cursor"`
	Overflow []parked.OffsetRange `json:"overflow"`
}

// Print writes an answer as it is, as one line for each message, or as a table.
func (l *List) Print(out io.Writer, format string, answer []byte) error {
	if format == "json" {
		return writeJSON(out, answer)
	}
	var p page
	var members map[string]json.RawMessage
	err := json.Unmarshal(answer, &members)
	if err == nil {
		err = json.Unmarshal(answer, &p)
	}
	if err == nil && members[l.Member] != nil {
		err = json.Unmarshal(members[l.Member], &p.messages)
	}
	if err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	if format == "ndjson" {
		return p.lines(out)
	}
	return l.table(out, &p)
}

func (p *page) lines(out io.Writer) error {
	for _, m := range p.messages {
		if err := writeJSON(out, m); err != nil {
			return err
		}
	}
	if p.Corrupt == nil {
		return nil
	}
	return writeLine(out, `{"corrupt":`+string(p.Corrupt)+`}`)
}

func (l *List) table(out io.Writer, p *page) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	cells := make([]string, len(l.Columns))
	for i, column := range l.Columns {
		cells[i] = column.Title
	}
	fmt.Fprintln(table, strings.Join(cells, "\t"))
	for _, text := range p.messages {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("read the service's answer: %w", err)
		}
		for i, column := range l.Columns {
			cells[i] = cell(m[column.Member])
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	var corrupt []json.RawMessage
	if p.Corrupt != nil {
		if err := json.Unmarshal(p.Corrupt, &corrupt); err != nil {
			return fmt.Errorf("read the service's answer: %w", err)
		}
	}
	for _, id := range corrupt {
		fmt.Fprintf(table, "damaged: message %s: stop the service and run %s check\n", cell(id), l.Program)
	}
	for _, r := range p.Overflow {
		fmt.Fprintf(table, "no room was left for offsets %d to %d of partition %d: read them from Kafka\n", r.From,
			r.To,
			r.Partition)
	}
	if p.Next != "" {
		fmt.Fprintln(table, l.More+p.Next)
	}
	return written(table.Flush())
}

// cell returns a member of a message for a table. Text that is not one plain word is quoted, because anybody may have
// written it.
func cell(value json.RawMessage) string {
	var text string
	switch {
	case value == nil:
		return "-"
	case json.Unmarshal(value, &text) != nil: // a number
		return string(value)
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC().Format(time.RFC3339)
	}
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }
	if text == "" || strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	return text
}

// writeJSON writes JSON on one line.
func writeJSON(out io.Writer, text []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	return writeLine(out, line.String())
}

func writeLine(out io.Writer, line string) error {
	_, err := io.WriteString(out, line+"\n")
	return written(err)
}

func written(err error) error {
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
