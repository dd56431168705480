package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"ordertally/bench/load"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const importConnections = 64

// measureImport places invoices with `order import`, from the start of its process to its end. In turn, 64 connections
// place orders of as many lines with one request each.
func measureImport(ctx context.Context, b *bench, r *report.Row) error {
	binary, err := b.program(ctx, orderProgram)
	if err != nil {
		return err
	}
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	p, err := program.Serve(ctx, binary, filepath.Join(dir, stores.File), placeScopes+",orders:backfill",
		program.Nowhere)
	if err != nil {
		return err
	}
	defer p.Kill()
	opened, err := load.Open(ctx, load.Target{Addr: p.API, Credential: p.Key}, importConnections)
	if err != nil {
		return err
	}
	defer opened.Close()
	numbers, placed := &stores.Numbers{}, 0
	single := func(ctx context.Context) error {
		wrote, err := opened.Place(ctx, numbers, 2*b.span)
		if err != nil {
			return err
		}
		placed += len(wrote.Latencies)
		r.Add("single requests", ordersPerSecond, wrote.Rate())
		return nil
	}
	file, files := filepath.Join(dir, "invoices.csv"), 0
	whole := func(ctx context.Context) error {
		if err := writeInvoices(file, files*b.invoices, b.invoices); err != nil {
			return err
		}
		files++
		began := time.Now()
		//nolint:gosec // what we built
		cmd := exec.CommandContext(ctx, binary, "import", file, "--target", "http://"+p.API)
		cmd.Env = append(os.Environ(), "ORDER_API_KEY="+p.Key)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("import: %w: %s", err, out)
		}
		placed += b.invoices
		r.Add("import", ordersPerSecond, float64(b.invoices)/time.Since(began).Seconds())
		return nil
	}
	r.Figures = append(r.Figures, report.Figure{Name: "of single requests over 64 connections", Series: "import",
		Of: "single requests", Goal: 3})
	r.Note("%s invoices of three lines each a round. No Kafka.", report.Number(float64(b.invoices)))
	if err := b.inTurn(ctx, contestant{"single requests", single}, contestant{"import", whole}); err != nil {
		return err
	}
	stored, err := p.Metric(ctx, "order_placed_total")
	if err == nil && stored != float64(placed) {
		err = fmt.Errorf("%.0f orders are stored, and %d were placed", stored, placed)
	}
	return errors.Join(err, p.Stop())
}

// writeInvoices writes a file in the layout of the Online Retail data set.
func writeInvoices(path string, first, invoices int) error {
	file, err := os.Create(path) //nolint:gosec // ours
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	fmt.Fprintln(out, "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country")
	for i := range invoices {
		number := first + i
		at := time.Date(2010, 12, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(number%500_000) * time.Minute)
		for _, line := range []string{
			"85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,%s,2.55", "84406B,CREAM CUPID HEARTS COAT HANGER,8,%s,2.75",
			"22752,SET 7 BABUSHKA NESTING BOXES,2,%s,7.65",
		} {
			fmt.Fprintf(out, "%d,"+line+",%d.0,United Kingdom\n", 1_000_000+number, at.Format("2006-01-02 15:04:05"),
				10_000+number%5000)
		}
	}
	return errors.Join(out.Flush(), file.Close())
}
