// Bench measures Ordertally as it is used, beside its peers: in interleaved rounds, in one run, on one machine. It
// writes every round to a JSON file, from which ./draw makes docs/performance.md.
//
//	go run . -rows store,http -rounds 5 -out report.json
//
// A row that fails has no figures, and the program then exits with 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"ordertally/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	rows     string
	rounds   int
	span     time.Duration
	warm     time.Duration
	orders   int64
	messages int
	events   int
	invoices int
	full     bool
	out, dir string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.rows, "rows", "", "rows to measure, separated by commas; empty for all\n"+list())
	flags.IntVar(&o.rounds, "rounds", 5, "rounds, in which the contestants take turns")
	flags.DurationVar(&o.span, "span", 1500*time.Millisecond, "how long a turn takes")
	flags.DurationVar(&o.warm, "warm", 30*time.Second, "how long Kafka works before it is measured")
	flags.Int64Var(&o.orders, "orders", 1_000_000, "orders with keys in the file of the row full-file")
	flags.IntVar(&o.messages, "messages", 300_000, "messages that the row drain publishes")
	flags.IntVar(&o.events, "events", 500_000, "events that the row ingest counts")
	flags.IntVar(&o.invoices, "invoices", 30_000, "invoices that the row import places")
	flags.BoolVar(&o.full, "full", false, "also the peers that take long or must be installed; the program must be "+
		"built with -tags 'full libsqlite3'")
	flags.StringVar(&o.out, "out", "", "write the report to this file")
	flags.StringVar(&o.dir, "dir", "", "put files below this directory, on the disk to be measured; empty for the "+
		"usual one for temporary files")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	if o.rounds < 1 || o.span <= 0 || o.orders < 1 || o.messages < 1 || o.events < 1 || o.invoices < 1 {
		return o, errors.New("rounds, span, orders, messages, events and invoices must be positive")
	}
	return o, nil
}

// chosen returns the rows that a list names.
func chosen(names string) ([]row, error) {
	if names == "" {
		return rows(), nil
	}
	var picked []row
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(rows(), func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q; the rows are:\n%s", name, list())
		}
		picked = append(picked, rows()[i])
	}
	return picked, nil
}

func list() string {
	var text strings.Builder
	for _, r := range rows() {
		fmt.Fprintf(&text, "  %-10s %s\n", r.name, r.title)
	}
	return text.String()
}

func run(ctx context.Context, args []string, stderr io.Writer) (err error) {
	if len(args) > 0 && args[0] == nothingVerb {
		return serveNothing(ctx, args[1:])
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	picked, err := chosen(o.rows)
	if err != nil {
		return err
	}
	b, err := newBench(o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	began := time.Now()
	whole := &report.Report{Run: report.Run{Date: began.UTC().Truncate(time.Second),
		Command: "bench " + strings.Join(args, " "), Machine: report.ThisMachine(b.dir)}}
	whole.Commit, whole.Changed = report.CommitOf(root)
	failed := 0
	for i := range picked {
		if row := b.measure(ctx, &picked[i]); row != nil {
			whole.Rows = append(whole.Rows, row)
			if row.Failed != "" {
				failed++
			}
		}
		whole.Seconds = time.Since(began).Round(time.Second).Seconds()
		if o.out != "" && len(whole.Rows) > 0 { // each time, so that an interrupt loses one row
			if err := whole.Write(o.out); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d rows failed", failed, len(whole.Rows))
	}
	return nil
}

// measure runs one row and prints its figures.
func (b *bench) measure(ctx context.Context, r *row) *report.Row {
	if r.full && !b.full {
		return nil
	}
	result := &report.Row{Name: r.name, Title: r.title, About: r.about, Repeated: !r.once, Whole: b.full || !r.larger,
		Order: slices.IndexFunc(rows(), func(other row) bool { return other.name == r.name })}
	began := time.Now()
	fmt.Fprintf(b.stderr, "== %s: %s\n", r.name, r.title)
	err := r.run(ctx, b, result)
	for _, f := range result.Figures {
		if err == nil {
			_, _, err = result.Values(f)
		}
	}
	result.Seconds = time.Since(began).Round(100 * time.Millisecond).Seconds()
	if err != nil {
		result.Series, result.Figures, result.Notes, result.Failed = nil, nil, nil, err.Error()
		fmt.Fprintf(b.stderr, "   FAILED after %.0f s: %v\n", result.Seconds, err)
		return result
	}
	for _, f := range result.Figures {
		values, unit, _ := result.Values(f) // looked at above
		fmt.Fprintf(b.stderr, "   %-60s %s\n", f.Name, report.Describe(f, values, unit))
	}
	fmt.Fprintf(b.stderr, "   %.0f s\n", result.Seconds)
	return result
}
