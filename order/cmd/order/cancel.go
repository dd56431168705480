package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"ordertally/client/orders"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type cancelCmd struct {
	remote
	// The order's id.
	ID string `arg:""`
	// Why, at most 512 characters.
	Reason string `name:"reason"`
	// Do not ask for confirmation on a terminal.
	Yes bool `short:"y"`
}

// Run cancels the order. On a terminal it asks for confirmation first.
func (c *cancelCmd) Run(ctx context.Context) error {
	var confirm io.Reader
	if !c.Yes && isatty.IsTerminal(os.Stdin.Fd()) {
		confirm = os.Stdin
	}
	return c.run(ctx, confirm, safetext.Stdout())
}

var errNotConfirmed = errors.New("the order is not cancelled: the answer was not yes")

func (c *cancelCmd) run(ctx context.Context, confirm io.Reader, out io.Writer) error {
	if confirm != nil {
		fmt.Fprintf(out, "Cancel order %s for ever? [y/N] ", c.ID)
		answer, _ := bufio.NewReader(confirm).ReadString('\n') // end of input means no
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
			return errNotConfirmed
		}
	}
	shop, err := c.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	cancelled, err := shop.CancelOrder(ctx, c.ID, orders.CancelOrderParams{},
		orders.OrderCancellation{Reason: c.Reason})
	if err != nil {
		return err
	}
	return c.Write(out, cancelled.Raw, func(out io.Writer) error {
		return output.Print(out, "order %s cancelled at %s\n", cancelled.Value.ID,
			output.Time(cancelled.Value.CancelledAt))
	})
}
