package parkedverbs

import (
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/parked"
	"ordertally/shared/text/output"
)

// List says how to write a page of messages.
type List struct {
	Member  string // the member of the answer that has the messages
	Columns []Column
	Program string // the program that checks the file, such as order
	More    string // the text before the cursor of the next page
}

// page is a page of messages, and the ids of damaged ones.
type page struct {
	Corrupt  jsontext.Value       `json:"corrupt"`
	Next     string               `json:"next_cursor"`
	Overflow []parked.OffsetRange `json:"overflow"`
}

type message = map[string]jsontext.Value

// Print writes an answer as it is, as one line for each message, as CSV, or as a table. Where the next page begins
// stands below a table, and goes to notes otherwise.
func (l *List) Print(out, notes io.Writer, format string, answer []byte) error {
	var p page
	list := output.List[message]{Answer: answer, Member: l.Member, More: l.More, Notes: notes}
	rows, err := output.Rows(answer, l.Member)
	if err == nil {
		err = json.Unmarshal(answer, &p)
	}
	for i := 0; i < len(rows) && err == nil; i++ {
		var m message
		err = json.Unmarshal(rows[i], &m)
		list.Rows = append(list.Rows, m)
	}
	var corrupt []jsontext.Value
	if err == nil && p.Corrupt != nil {
		err = json.Unmarshal(p.Corrupt, &corrupt)
	}
	if err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	for _, c := range l.Columns {
		list.Columns = append(list.Columns, output.Column[message]{Title: c.Title, Name: c.Member,
			Of: func(m *message) any { return cell((*m)[c.Member]) }})
	}
	for _, id := range corrupt {
		list.Below = append(list.Below, fmt.Sprintf("damaged: message %v: stop the service and run %s check", cell(id),
			l.Program))
	}
	for _, r := range p.Overflow {
		list.Below = append(list.Below, fmt.Sprintf("no room was left for offsets %d to %d of partition %d: read them "+
			"from Kafka", r.From, r.To, r.Partition))
	}
	list.Next = p.Next
	if err := list.Write(out, format); err != nil || format != "ndjson" || p.Corrupt == nil {
		return err
	}
	return output.Line(out, map[string]jsontext.Value{"corrupt": p.Corrupt})
}

// cell returns a member of a message for a list.
func cell(value jsontext.Value) any {
	var text string
	var number int64
	var yes bool
	switch {
	case value == nil:
		return nil
	case json.Unmarshal(value, &number) == nil:
		return number
	case json.Unmarshal(value, &yes) == nil:
		return yes
	case json.Unmarshal(value, &text) != nil:
		return string(value)
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at
	}
	return text
}
