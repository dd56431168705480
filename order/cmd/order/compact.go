package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type compactCmd struct {
	// Database file of a stopped service.
	Data string `default:"${data}"`
	output.Form
}

// compacted is what the verb answers with.
type compacted struct {
	File    string  `json:"file"`
	Before  int64   `json:"bytes_before"`
	After   int64   `json:"bytes_after"`
	Records int     `json:"records"` // that were compared
	Seconds float64 `json:"seconds"`
}

// Run compacts the file and says so on standard output.
func (c *compactCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *compactCmd) run(ctx context.Context, out io.Writer) error {
	start := time.Now()
	progress := output.Begin(os.Stderr, "compact "+filepath.Base(c.Data))
	done, err := boltdb.Compact(ctx, c.Data, orderstore.Check)
	progress.Close()
	if err != nil {
		return err
	}
	took := time.Since(start)
	return c.Write(out, compacted{c.Data, done.Before, done.After, done.Records, took.Seconds()},
		func(out io.Writer) error {
			return output.Print(out, "%s: %d bytes before, %d after; %s compared in %s\n", c.Data, done.Before,
				done.After, output.Count(done.Records, "record"), output.Took(took))
		})
}
