package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/retail"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type importCmd struct {
	// CSV files in the layout of the Online Retail data set.
	Files []string `arg:"" name:"file"`
	running
	// CSV file to list rejects in. It is readable by you alone, and replaced if it exists. - is standard output.
	// Without it, rejects are only counted.
	Rejects string `placeholder:"FILE"`
	// Encoding of the files: auto, utf-8, utf-16le, utf-16be, windows-1252, windows-1250, iso-8859-15 or macintosh.
	Encoding string `default:"auto"`
	// Column separator: auto, comma, semicolon or tab.
	Separator string `default:"auto"`
	// Order of day and month in dates that end with the year: auto, month-first or day-first. With auto, all rows of a
	// file decide; if none can, 6/7/2011 is read month first, 6.7.2011 and 6-7-2011 day first.
	Dates string `default:"auto"`
	// Batches of 500 invoices under way at once, 1 to 256.
	Concurrency int `default:"2"`
	// How long to repeat a request while the service does not answer, or asks to try again later.
	RetryFor time.Duration `default:"60s"`
	output.Form
}

// imported is what the verb answers with in JSON.
type imported struct {
	Files    int      `json:"files"`
	Invoices int      `json:"invoices"`
	Placed   int      `json:"placed"`
	Replayed int      `json:"replayed"`
	Rejected int      `json:"rejected"`
	NotSent  int      `json:"not_sent"`
	Taken    string   `json:"read_as"`   // how the files were read, if it is not as usual
	NoResult []string `json:"no_result"` // files that brought nothing, and why
	Seconds  float64  `json:"seconds"`
}

// importGCPercent is what an import sets as GOGC. Its live heap is a few MiB among much garbage: with the default of
// 100, collecting that is a fifth of its work.
const importGCPercent = 400

// Run imports the files. On a terminal it shows a progress bar. The summary is one line on standard error, or JSON on
// standard output.
func (c *importCmd) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(importGCPercent)
	}
	return c.run(ctx, safetext.Stdout(), os.Stderr)
}

// run writes the summary to stderr. If something went wrong, the summary is part of the error, so that there is still
// only one line. A file from which nothing was placed is an error too, even if each of its invoices was rejected. It is
// probably the wrong file.
func (c *importCmd) run(ctx context.Context, stdout, stderr io.Writer) error {
	inJSON := c.Output == "json" || c.Output == "ndjson"
	if inJSON && c.Rejects == "-" {
		return settings.WithExitCode(errors.New("--rejects - and -o json both write to standard output: name a file "+
			"for the rejects"), settings.ExitUsage)
	}
	shop, err := c.connect()
	if err != nil {
		return settings.WithExitCode(fmt.Errorf("import: %w", err), settings.ExitUsage)
	}
	defer shop.Close()
	dialect, err := retail.ParseDialect(c.Encoding, c.Separator, c.Dates)
	if err != nil {
		return settings.WithExitCode(fmt.Errorf("import: %w", err), settings.ExitUsage)
	}
	rejects, err := createReport(c.Rejects, c.Files) // before anything is sent
	if err != nil {
		return fmt.Errorf("import: rejects file: %w", err)
	}
	defer rejects.discard()
	progress := output.Begin(stderr, "import")
	defer progress.Close()
	start := time.Now()
	summary, err := retail.Import(
		ctx,
		c.Files,
		shop,
		retail.Options{Dialect: dialect, Concurrency: c.Concurrency, Progress: progress.Set},
	)
	progress.Close()
	if summary.Files == 0 { // no file could be read, so there is nothing to sum up
		return err
	}
	written := rejects.publish(func(w io.Writer) error { return retail.WriteRejects(w, summary.Rejects) })
	took := time.Since(start)
	line := c.describe(&summary, took)
	if inJSON {
		answered := c.Write(stdout, imported{summary.Files, summary.Invoices, summary.Placed, summary.Replayed,
			len(summary.Rejects), summary.NotSent(), summary.Taken, summary.NoResult, took.Seconds()}, nil)
		err = errors.Join(err, answered)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%s; interrupted with %d not sent, import again to go on", line, summary.NotSent())
	case err != nil:
		return fmt.Errorf("%s; %d not sent, import again to go on: %w", line, summary.NotSent(), err)
	case written != nil:
		return fmt.Errorf("%s; but the rejects file was not written: %w", line, written)
	case len(summary.NoResult) > 0:
		return fmt.Errorf(
			"%s; %s came to nothing: %s",
			line,
			output.Count(len(summary.NoResult), "file"),
			listed(summary.NoResult),
		)
	}
	if !inJSON {
		fmt.Fprintln(stderr, line)
	}
	return nil
}

func (c *importCmd) connect() (*orders.Client, error) {
	const mostConcurrency = 256
	if c.Concurrency < 1 || c.Concurrency > mostConcurrency {
		return nil, fmt.Errorf("--concurrency %d is not from 1 to %d", c.Concurrency, mostConcurrency)
	}
	if c.RetryFor < 0 {
		return nil, errors.New("--retry-for must not be negative")
	}
	retryFor := c.RetryFor
	if retryFor == 0 {
		retryFor = -1 // to the client, one attempt
	}
	connected, err := c.Connect(client.Config{URL: c.Target, RetryFor: retryFor}, orderNames)
	return &orders.Client{Client: connected}, err
}

func (c *importCmd) describe(s *retail.Summary, took time.Duration) string {
	where := ""
	switch {
	case c.Rejects == "-":
		where = " (listed on standard output)"
	case c.Rejects != "":
		where = " (listed in " + c.Rejects + ")"
	case len(s.Rejects) > 0:
		where = " (--rejects FILE lists them)"
	}
	line := fmt.Sprintf(
		"import: %s in %s: %d placed, %d replayed, %d rejected%s in %s",
		output.Count(
			s.Invoices,
			"invoice",
		),
		output.Count(s.Files, "file"),
		s.Placed,
		s.Replayed,
		len(s.Rejects),
		where,
		took.Round(time.Millisecond),
	)
	if s.Taken != "" {
		line += "; " + s.Taken
	}
	return line
}

// listed names the first few things.
func listed(things []string) string {
	const most = 3
	if more := len(things) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(things[:most], ", "), more)
	}
	return strings.Join(things, ", ")
}
