package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type compactCmd struct {
	// Database file of a stopped service.
	Data string `default:"${data}"`
}

// Run compacts the file and writes one line to standard output.
func (c *compactCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *compactCmd) run(ctx context.Context, out io.Writer) error {
	start := time.Now()
	done, err := boltdb.Compact(ctx, c.Data, orderstore.Check)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d bytes before, %d after; %s compared in %s\n", c.Data, done.Before, done.After,
		output.Count(done.Records, "record"), time.Since(start).Round(time.Millisecond))
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
