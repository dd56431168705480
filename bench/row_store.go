package main

import (
	"context"
	"errors"
	"fmt"

	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const (
	ordersPerSecond = "orders/s"
	milliseconds    = "ms"
)

// storePeer is a store that keeps the same records.
type storePeer struct {
	name  string
	open  opener
	goals map[int]float64 // by writers
}

// measureStores has writers place orders in each store. Each store has a new file for each number of writers, which
// grows from round to round.
func measureStores(ctx context.Context, b *bench, r *report.Row) error {
	peers := []storePeer{
		{"naive Update", stores.OpenNaive, map[int]float64{1: 1, 64: 18, 256: 36}},
		{"Pebble", stores.OpenPebble, map[int]float64{64: 1, 256: 1.5}},
	}
	if b.full {
		more, err := morePeers()
		if err != nil {
			return err
		}
		peers = append(peers, more...)
	}
	for _, writers := range []int{1, 64, 256} {
		name := func(store string) string { return store + ", " + writersName(writers) }
		all := []*placing{{name: name("Ordertally"), open: openOrdertally}}
		for _, p := range peers {
			all = append(all, &placing{name: name(p.name), open: p.open, peer: true})
			r.Figures = append(r.Figures, report.Figure{
				Name: name("of " + p.name), Series: name("Ordertally"), Of: name(p.name), Goal: p.goals[writers],
				Peer: p.name,
			})
		}
		if err := b.place(ctx, r, writers, all); err != nil {
			return err
		}
	}
	return nil
}

func writersName(writers int) string {
	if writers == 1 {
		return "1 writer"
	}
	return fmt.Sprint(writers, " writers")
}

// placing is a store that writers place orders in.
type placing struct {
	name    string
	open    opener
	peer    bool
	store   stores.Store
	numbers stores.Numbers
	placed  int64
}

// place opens the stores, lets them take turns, and compares what they have with what was answered.
func (b *bench) place(ctx context.Context, r *report.Row, writers int, all []*placing) (err error) {
	var contestants []contestant
	for _, p := range all {
		dir, err := b.newDir()
		if err != nil {
			return err
		}
		if p.store, err = p.open(ctx, dir); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		defer func() {
			if p.store != nil {
				_ = p.store.Close() // after an error, which is told
			}
		}()
		warm, err := stores.Write(ctx, p.store, &p.numbers, writers, b.span/5)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		p.placed += int64(len(warm.Latencies))
		contestants = append(contestants, contestant{p.name, func(ctx context.Context) error {
			wrote, err := stores.Write(ctx, p.store, &p.numbers, writers, b.span)
			if err != nil {
				return err
			}
			p.placed += int64(len(wrote.Latencies))
			if p.peer {
				r.AddPeer(p.name, ordersPerSecond, wrote.Rate())
			} else {
				r.Add(p.name, ordersPerSecond, wrote.Rate())
			}
			r.Find(p.name).Group = writersName(writers)
			return nil
		}})
	}
	if err := b.inTurn(ctx, contestants...); err != nil {
		return err
	}
	var errs []error
	for _, p := range all {
		store := p.store
		p.store = nil
		if err := checkCount(store, p.placed); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}
