package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"ordertally/client"
	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/settings"
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
type outboxRemote struct{ remote }

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

// Format implements parkedverbs.Remote.
func (r outboxRemote) Format() string { return r.Output }

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
func (c *outboxLsCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *outboxLsCmd) run(ctx context.Context, out io.Writer) error {
	if !c.Waiting {
		return c.Print(ctx, out)
	}
	if (c.Selection != parkedverbs.Selection{}) {
		return settings.WithExitCode(errors.New("--class, --subject and --older-than select parked messages: leave "+
			"them out with --waiting"), settings.ExitUsage)
	}
	query := url.Values{}
	c.AddTo(query)
	answer, err := parkedverbs.Ask(ctx, c.Remote, http.MethodGet, "/v1/outbox/waiting", query, nil)
	if err != nil {
		return err
	}
	list := parkedverbs.List{Member: "waiting", Program: "order", More: "more: --waiting --cursor ",
		Columns: []parkedverbs.Column{
			{Title: "ID", Member: "id"}, {Title: "ORDER", Member: "order_id"}, {Title: "SEQUENCE", Member: "sequence"},
			{Title: "CLASS", Member: "class"}, {Title: "ATTEMPTS", Member: "attempts"},
			{Title: "NEXT TRY", Member: "next_attempt_at"}, {Title: "BEHIND", Member: "behind"},
			{Title: "REASON", Member: "reason"},
		}}
	return list.Print(out, c.Remote.Format(), answer)
}

type outboxPartitionsCmd struct {
	Remote outboxRemote `embed:""`
	// How many partitions there are to be: at most those of the topic.
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
	return parkedverbs.PrintDone(out, c.Remote, "partitions", answer)
}
