package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/order/orderapi"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type republishCmd struct {
	remote
	// Orders placed then or later, as RFC 3339: 2026-03-01T00:00:00Z.
	PlacedFrom time.Time `name:"placed-from" placeholder:"TIME" required:""`
	// Orders placed before this time.
	PlacedTo time.Time `name:"placed-to" placeholder:"TIME" required:""`
}

// Run shows the progress on standard error, and writes the result to standard output.
func (c *republishCmd) Run(ctx context.Context) error {
	return c.run(ctx, safetext.Stdout(), os.Stderr)
}

var (
	errCutShort = errors.New("the answer was cut short: it is not known how far it got. Run this again, which does " +
		"no harm")
	errNotAll = errors.New("not all messages of the range were sent; the orders are named above")
)

func (c *republishCmd) run(ctx context.Context, out, progress io.Writer) error {
	if !c.PlacedTo.After(c.PlacedFrom) {
		return settings.WithExitCode(errors.New(
			"--placed-to must be after --placed-from: it is not in the range itself"),
			settings.ExitUsage)
	}
	shop, err := c.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	answer, err := shop.Ask(ctx, http.MethodPost, "/v1/orders/republish", url.Values{
		"placed_from": {c.PlacedFrom.Format(time.RFC3339Nano)}, "placed_to": {c.PlacedTo.Format(time.RFC3339Nano)},
	}, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	last, err := c.follow(answer, out, progress)
	switch {
	case err != nil:
		return err
	case last.Error != "":
		return errors.New(last.Error)
	case !last.Done:
		return errCutShort
	}
	switch c.Output {
	case "json":
		err = output.JSON(out, last)
	case "table":
		_, err = io.WriteString(out, c.says(last))
	}
	if err == nil && !last.Whole() {
		err = errNotAll
	}
	return err
}

// follow reads the answer to its end, shows how it goes on, and returns the last line.
func (c *republishCmd) follow(answer io.Reader, out, progress io.Writer) (last *orderapi.Republished, err error) {
	last = new(orderapi.Republished)
	lines := bufio.NewScanner(answer)
	for lines.Scan() {
		last = new(orderapi.Republished)
		if err := json.Unmarshal(lines.Bytes(), last); err != nil {
			return nil, fmt.Errorf("read the service's answer (see --target): %w", err)
		}
		if c.Output == "ndjson" {
			err = output.Line(out, last)
		} else if !last.Done && last.Error == "" {
			_, err = fmt.Fprintf(progress, "%s of %s sent, %s looked at%s\n", output.Count(last.Messages, "message"),
				output.Count(last.Orders, "order"), output.Count(last.Looked, "order"), away(last.Kafka))
		}
		if err != nil {
			return nil, err
		}
	}
	if lines.Err() != nil {
		return nil, errCutShort
	}
	return last, nil
}

// away says that nothing goes on, and why.
func away(link string) string {
	if link == "up" {
		return ""
	}
	return "; waiting for Kafka: " + link
}

// says is the result in sentences.
func (c *republishCmd) says(r *orderapi.Republished) string {
	var b strings.Builder
	fmt.Fprintf(&b, "placed from %s to before %s: ", output.Time(c.PlacedFrom), output.Time(c.PlacedTo))
	if r.Messages == 0 {
		b.WriteString("no published message\n")
	} else {
		fmt.Fprintf(&b, "%s of %s published again, of %s; the first from %s, the last from %s\n",
			output.Count(r.Messages, "message"), output.Count(r.Orders, "order"), output.Count(r.Days, "day"),
			output.Time(r.First), output.Time(r.Last))
	}
	for _, state := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(&b, "left out, because not published: %d %s\n", r.Left[state], state)
	}
	for _, id := range r.Refused {
		fmt.Fprintf(&b, "Kafka refuses the message of order %s: see max.message.bytes of the topic\n", id)
	}
	for _, id := range r.Damaged {
		fmt.Fprintf(&b, "order %s is damaged in the file: see order check\n", id)
	}
	return b.String()
}
