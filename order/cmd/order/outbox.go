package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// outboxCmd holds the operators' verbs for parked messages.
type outboxCmd struct {
	// List the parked messages, which failed too often. With --waiting, list those that are retried.
	Ls outboxLsCmd `cmd:""`
	// Show a parked message with its payload and history, as JSON.
	Show parkedverbs.Show[outboxRemote] `cmd:""`
	// Write all parked messages, one JSON object a line.
	Export parkedverbs.Export[outboxRemote] `cmd:""`
	// Publish parked messages again, once their cause is mended.
	Retry parkedverbs.Retry[outboxRemote] `cmd:""`
	// Give parked messages up, for ever. The decision and its reason are kept.
	Discard parkedverbs.Discard[outboxRemote] `cmd:""`

	// Spread new messages over more partitions, once the topic has them.
	Partitions outboxPartitionsCmd `cmd:""`
}

// outboxRemote is the outbox of a running service.
type outboxRemote struct{ running }

// Ledger implements parkedverbs.Remote.
func (outboxRemote) Ledger() parkedverbs.Ledger {
	return parkedverbs.Ledger{
		Path: "/v1/outbox/parked", Retry: "retry", Program: "order", Columns: []parkedverbs.Column{
			{Title: "ID", Member: "id"}, {Title: "ORDER", Member: "order_id"}, {Title: "SEQUENCE", Member: "sequence"},
			{Title: "CLASS", Member: "class"}, {Title: "ATTEMPTS", Member: "attempts"},
			{Title: "LAST FAILED", Member: "last_failed_at"}, {Title: "REASON", Member: "reason"},
		},
	}
}

// Service implements parkedverbs.Remote.
func (r outboxRemote) Service() (parkedverbs.Service, error) {
	return r.Connect(client.Config{URL: r.Target, AttemptTimeout: parkedverbs.Timeout}, orderNames)
}

type outboxLsCmd struct {
	parkedverbs.Ls[outboxRemote]
	// List the messages that were refused and will be retried, and those waiting behind them, instead of the parked
	// ones.
	Waiting bool `name:"waiting"`
}

// Run writes the list to standard output.
func (c *outboxLsCmd) Run(ctx context.Context) error {
	return c.Watch.Run(ctx, safetext.Stdout(), c.run)
}

func (c *outboxLsCmd) run(ctx context.Context, out io.Writer) error {
	if !c.Waiting {
		return c.Print(ctx, out)
	}
	if (c.Selection != parkedverbs.Selection{}) {
		return settings.WithExitCode(errors.New("--class, --subject and --older-than select parked messages: leave "+
			"them out with --waiting"), settings.ExitUsage)
	}
	shop, err := c.Remote.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	page, err := shop.ListWaiting(ctx, orders.ListWaitingParams{Limit: int64(c.Limit), Cursor: c.Cursor})
	if err != nil {
		return err
	}
	list := output.List[orders.WaitingMessage]{Answer: page.Raw, Member: "waiting", Rows: page.Value.Waiting,
		Columns: waitingColumns, Next: page.Value.NextCursor, More: "more: --waiting --cursor ", Notes: c.Notes()}
	for _, sequence := range page.Value.Corrupt {
		list.Below = append(list.Below, fmt.Sprintf("damaged: sequence %d: stop the service and run order check",
			sequence))
	}
	return list.Write(out, c.Output)
}

var waitingColumns = []output.Column[orders.WaitingMessage]{
	{Title: "ID", Name: "id", Of: func(m *orders.WaitingMessage) any { return m.ID }},
	{Title: "ORDER", Name: "order_id", Of: func(m *orders.WaitingMessage) any { return m.OrderID }},
	{Title: "SEQUENCE", Name: "sequence", Of: func(m *orders.WaitingMessage) any { return m.Sequence }},
	{Title: "CLASS", Name: "class", Of: func(m *orders.WaitingMessage) any { return m.Class }},
	{Title: "ATTEMPTS", Name: "attempts", Of: func(m *orders.WaitingMessage) any { return m.Attempts }},
	{Title: "NEXT TRY", Name: "next_attempt_at", Of: func(m *orders.WaitingMessage) any { return m.NextAttemptAt }},
	{Title: "BEHIND", Name: "behind", Of: func(m *orders.WaitingMessage) any { return m.Behind }},
	{Title: "REASON", Name: "reason", Of: func(m *orders.WaitingMessage) any { return m.Reason }},
}

type outboxPartitionsCmd struct {
	Remote outboxRemote `embed:""`
	output.Form
	// The new number of partitions: no more than the topic has.
	N int `arg:"" name:"number"`
}

// Run writes to standard output the sequence number from which the new partitions count.
func (c *outboxPartitionsCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxPartitionsCmd) run(ctx context.Context, out io.Writer) error {
	answer, err := parkedverbs.Ask(ctx, c.Remote, http.MethodPost, "/v1/outbox/partitions", nil,
		map[string]int{"partitions": c.N})
	if err != nil {
		return err
	}
	return c.Write(out, answer, func(out io.Writer) error {
		var done struct {
			Partitions int   `json:"partitions"`
			From       int64 `json:"from_sequence"`
		}
		if err := json.Unmarshal(answer, &done); err != nil {
			return fmt.Errorf("read the service's answer (see --target): %w", err)
		}
		return output.Print(out, "new messages go to %s, from sequence %d on\n",
			output.Count(done.Partitions, "partition"), done.From)
	})
}
