// Package parkedverbs has the commands with which operators look at parked messages and decide about them. They call
// the routes of package parkedapi. What differs between ledgers is data.
package parkedverbs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// Remote is a running service and one of its ledgers. It is a struct of flags in kong's notation.
type Remote interface {
	Ledger() Ledger
	Service() (Service, error)
}

// Service answers the requests. client.Client is one.
type Service interface {
	// Ask sends a request and returns the body of a good answer. The caller closes it. A refusal is a problem.Problem.
	// The path is below the service's URL.
	Ask(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error)
	Close()
}

// Timeout is how long a service may take for an answer. A decision may be about very many messages.
const Timeout = 10 * time.Minute

// Ledger is what differs between ledgers.
type Ledger struct {
	Path    string // of the list, below the service's URL, such as /v1/outbox/parked
	Retry   string // what retrying is called: retry, or accept
	Program string // the program that checks the file, such as order
	Columns []Column
}

// Column is a column of a table: its title, and the member of a message that it shows.
type Column struct{ Title, Member string }

// Selection names messages by what they have in common.
type Selection struct {
	// Only those parked for this reason, such as too_large.
	Class string `placeholder:"CLASS"`
	// Only those about this, such as an order's id.
	Subject string `placeholder:"ID"`
	// Only those parked longer ago, such as 1h.
	OlderThan time.Duration `placeholder:"DURATION"`
}

// values returns the selection as a query, and as members of a body.
func (s *Selection) values() url.Values {
	values := url.Values{}
	set(values, "class", s.Class)
	set(values, "subject", s.Subject)
	if s.OlderThan > 0 {
		values.Set("before", time.Now().Add(-s.OlderThan).UTC().Format(time.RFC3339Nano))
	}
	return values
}

// Paging says which part of a list to show.
type Paging struct {
	// Messages on a page.
	Limit int `name:"limit" default:"50" range:"1..200"`
	// Continue where an earlier list ended (its next_cursor).
	Cursor string `name:"cursor"`
}

// AddTo adds the parameters of a query.
func (p *Paging) AddTo(query url.Values) {
	set(query, "cursor", p.Cursor)
	if p.Limit != 0 {
		query.Set("limit", strconv.Itoa(p.Limit))
	}
}

func set(values url.Values, name, value string) {
	if value != "" {
		values.Set(name, value)
	}
}

// Ls lists messages.
type Ls[R Remote] struct {
	Remote R `embed:""`
	output.RowsForm
	Selection
	Paging
	output.Watch
}

// Run writes the list to standard output.
func (c *Ls[R]) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.Print) }

// Print writes the list to out.
func (c *Ls[R]) Print(ctx context.Context, out io.Writer) error {
	ledger, query := c.Remote.Ledger(), c.values()
	c.AddTo(query)
	answer, err := Ask(ctx, c.Remote, http.MethodGet, ledger.Path, query, nil)
	if err != nil {
		return err
	}
	list := List{Member: "parked", Columns: ledger.Columns, Program: ledger.Program, More: "more: --cursor "}
	return list.Print(out, c.Notes(), c.Output, answer)
}

// Show shows one message.
type Show[R Remote] struct {
	Remote R `embed:""`
	output.Form
	// Id of the message, as ls shows it.
	ID string `arg:"" name:"id"`
}

// Run writes the message to standard output. For people it is indented.
func (c *Show[R]) Run(ctx context.Context) error { return c.Print(ctx, safetext.Stdout()) }

// Print writes the message to out.
func (c *Show[R]) Print(ctx context.Context, out io.Writer) error {
	path, err := pathOf(c.Remote, c.ID)
	if err != nil {
		return err
	}
	answer, err := Ask(ctx, c.Remote, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	return c.Write(out, answer, func(out io.Writer) error { return output.Indented(out, answer) })
}

// pathOf returns the path of one message. It refuses an id that would lead to another path.
func pathOf(remote Remote, id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", settings.WithExitCode(fmt.Errorf("%q is not the id of a message: ls shows the ids", id),
			settings.ExitUsage)
	}
	return remote.Ledger().Path + "/" + url.PathEscape(id), nil
}

// Export writes all messages of a ledger, one JSON object a line.
type Export[R Remote] struct {
	Remote R `embed:""`
	Selection
}

// Run writes to standard output.
func (c *Export[R]) Run(ctx context.Context) error { return c.Print(ctx, safetext.Stdout()) }

// Print writes to out.
func (c *Export[R]) Print(ctx context.Context, out io.Writer) error {
	service, err := c.Remote.Service()
	if err != nil {
		return err
	}
	defer service.Close()
	answer, err := service.Ask(ctx, http.MethodGet, c.Remote.Ledger().Path+"/export", c.values(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	if _, err := io.Copy(out, answer); err != nil {
		return fmt.Errorf("the export is cut short: %w", err)
	}
	return nil
}

// maxAnswer is how much of an answer is read at most. 200 messages of the largest size in base64 are less.
const maxAnswer = 1 << 30

// Ask returns the whole answer to one request. It must be JSON.
func Ask(ctx context.Context, remote Remote, method, path string, query url.Values, body any) ([]byte, error) {
	service, err := remote.Service()
	if err != nil {
		return nil, err
	}
	defer service.Close()
	return ask(ctx, service, method, path, query, body)
}

func ask(ctx context.Context, service Service, method, path string, query url.Values, body any) ([]byte, error) {
	answer, err := service.Ask(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, new(json.RawMessage))
	}
	if err != nil {
		return nil, fmt.Errorf("read the service's answer (see --target): %w", err)
	}
	return text, nil
}
