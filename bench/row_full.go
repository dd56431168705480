package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const fullWriters = 64

// measureFull compares a file with many orders and keys with an empty one. Each turn of the full file begins cold: none
// of it is in the page cache. Writers place orders, in the first ten seconds and after them.
func measureFull(ctx context.Context, b *bench, r *report.Row) error {
	path, err := b.fullFile(ctx)
	if err != nil {
		return err
	}
	r.Figures = append(r.Figures,
		report.Figure{Name: "rate of that of an empty file", Series: "full file", Of: "empty file", Goal: .8},
		report.Figure{Name: "p99 of that of an empty file", Series: "p99, full file", Of: "p99, empty file", Goal: 2,
			AtMost: true},
		report.Figure{Name: "rate in the first 10 s after a cold start, of that of an empty file",
			Series: "full file, first 10 s", Of: "empty file", Goal: .5})
	r.Note("The full file has %s orders with keys, customers and references, and %d writers place.",
		report.Number(float64(b.orders)), fullWriters)
	return b.inTurn(ctx, contestant{"empty file", func(ctx context.Context) error { return b.placeEmpty(ctx, r) }},
		contestant{"full file", func(ctx context.Context) error { return b.placeCold(ctx, r, path) }})
}

// measureReady takes the time from the start of an order service, with Kafka beside it, until it is ready. None of its
// file is in the page cache.
func measureReady(ctx context.Context, b *bench, r *report.Row) error {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, orderProgram)
	if err != nil {
		return err
	}
	path, err := b.fullFile(ctx)
	if err != nil {
		return err
	}
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	start := func(name, path string) contestant {
		return contestant{name, func(ctx context.Context) error {
			if err := dropCache(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			p, err := program.Start(ctx, binary, path, "", broker, "--topic", "ready-"+filepath.Base(dir))
			if err != nil {
				return err
			}
			defer p.Kill()
			r.Add(name, "s", p.Started.Seconds())
			return p.Stop()
		}}
	}
	r.Figures = append(r.Figures, report.Figure{Name: "ready, cold", Series: "full file", Goal: .3, AtMost: true},
		report.Figure{Name: "with an empty file", Series: "empty file"})
	r.Note("The full file is that of the row above.")
	return b.inTurn(ctx, start("empty file", filepath.Join(dir, stores.File)), start("full file", path))
}

// fullFile makes the file. Orders can be read from it as if they came from a topic, which is much faster than placing
// them.
func (b *bench) fullFile(ctx context.Context) (path string, err error) {
	if b.filled != "" {
		return b.filled, nil
	}
	dir, err := b.newDir()
	if err != nil {
		return "", err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return "", err
	}
	const perOrder = 1200                   // with what building takes
	free := int64(disk.Bavail) * disk.Bsize //nolint:gosec // of a disk
	if need := b.orders * perOrder; free < need {
		return "", fmt.Errorf("%d orders need %d MiB of disk and %d are free: say -orders or -dir", b.orders,
			need>>20, free>>20)
	}
	told := time.Now()
	path, err = stores.Absorb(ctx, dir, b.orders, func(done int64) {
		if time.Since(told) > 20*time.Second {
			told = time.Now()
			fmt.Fprintf(b.stderr, "   %d of %d orders are in the file\n", done, b.orders)
		}
	})
	if err == nil {
		b.filled, b.fillNumbers = path, &stores.Numbers{}
		b.fillNumbers.Skip(b.orders)
	}
	return path, err
}

// placeEmpty places orders in a new file.
func (b *bench) placeEmpty(ctx context.Context, r *report.Row) (err error) {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	store, err := stores.OpenOrdertally(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(), os.RemoveAll(dir)) }()
	var numbers stores.Numbers
	wrote, err := stores.Write(ctx, store, &numbers, fullWriters, 2*b.span)
	if err == nil {
		r.Add("empty file", ordersPerSecond, wrote.Rate())
		r.Add("p99, empty file", milliseconds, wrote.Quantile(.99).Seconds()*1000)
	}
	return err
}

// placeCold places orders in the full file, of which nothing is in memory.
func (b *bench) placeCold(ctx context.Context, r *report.Row, path string) (err error) {
	if err := dropCache(path); err != nil {
		return err
	}
	store, err := stores.OpenOrdertally(ctx, filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	cold := 10 * time.Second
	if b.span < time.Second { // a test
		cold = b.span
	}
	wrote, err := stores.Write(ctx, store, b.fillNumbers, fullWriters, cold)
	if err != nil {
		return err
	}
	r.Add("full file, first 10 s", ordersPerSecond, wrote.Rate())
	if wrote, err = stores.Write(ctx, store, b.fillNumbers, fullWriters, 2*b.span); err != nil {
		return err
	}
	r.Add("full file", ordersPerSecond, wrote.Rate())
	r.Add("p99, full file", milliseconds, wrote.Quantile(.99).Seconds()*1000)
	return nil
}

// dropCache drops a file from the page cache. Nobody may have it mapped.
func dropCache(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // ours
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing is written
	if err := file.Sync(); err != nil { // what is not on the disk stays in the cache
		return err
	}
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}
