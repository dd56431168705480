package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"

	"ordertally/order/orderclient"
	"ordertally/order/retail"
)

type importCmd struct {
	Files       []string      `arg:"" name:"file" help:"CSV files in the layout of the Online Retail data set."`
	Target      string        `name:"target" default:"http://127.0.0.1:8080" help:"URL of the order service."`
	Rejects     string        `name:"rejects" help:"File to write what was rejected to, as CSV; replaced when it exists. Without it rejects are only counted."`
	Concurrency int           `name:"concurrency" default:"8" help:"Requests under way at once."`
	RetryFor    time.Duration `name:"retry-for" default:"60s" help:"How long an order is tried again while the service does not answer."`
}

// Run imports the files. It ends with an error when an invoice could not be sent; one that was rejected is no error.
func (c *importCmd) Run(ctx context.Context) error {
	client, err := orderclient.New(orderclient.Config{BaseURL: c.Target, RetryFor: c.RetryFor})
	if err != nil {
		return err
	}
	defer client.Close()
	started := time.Now()
	progress, finish := progressOn(os.Stderr)
	summary, err := retail.Import(ctx, c.Files, client, retail.Options{Concurrency: c.Concurrency, Progress: progress})
	finish()
	if summary.Files == 0 {
		return err // a file that cannot be read: nothing was sent
	}
	if c.Rejects != "" {
		err = errors.Join(err, writeRejects(c.Rejects, summary.Rejects))
	}
	line := fmt.Sprintf("%d invoices in %s: %d placed, %d replayed, %d rejected",
		summary.Invoices, time.Since(started).Round(time.Millisecond), summary.Placed, summary.Replayed, len(summary.Rejects))
	if err != nil {
		return fmt.Errorf("%s, %d not sent; repeat the import to send them: %w", line, summary.NotSent(), err)
	}
	_, err = fmt.Fprintln(os.Stderr, line)
	return err
}

// progressOn returns a progress bar on a terminal, and nothing elsewhere.
func progressOn(f *os.File) (progress func(done, total int), finish func()) {
	if !isatty.IsTerminal(f.Fd()) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions(0, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("invoices"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	progress = func(done, total int) {
		bar.ChangeMax(total)
		_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
	}
	return progress, func() { _ = bar.Finish() }
}

// writeRejects replaces the file as a whole, so that one that was cut short is never taken for complete.
func writeRejects(path string, rejects []retail.Reject) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".rejects-*")
	if err != nil {
		return fmt.Errorf("write rejects: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(retail.WriteRejects(f, rejects), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write rejects: %w", err)
	}
	return nil
}
