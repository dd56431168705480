package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ordertally/bench/load"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const (
	usAnOrder   = "µs an order"
	placeScopes = "orders:write,orders:read"
	drainLimit  = 5 * time.Minute
)

// measureHTTP places orders over 64 and 256 connections at three services, each a process: one that stores nothing, an
// order service that cannot reach Kafka, and one with Kafka beside it. Services, Kafka and clients share the cores.
// After each turn the service with Kafka publishes what waits before anybody else has the next one.
func measureHTTP(ctx context.Context, b *bench, r *report.Row) (err error) {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, orderProgram)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	nothing := &service{name: "stores nothing", nothing: true}
	alone := &service{name: "without Kafka"}
	whole := &service{name: "everything on", relays: true}
	all := []*service{nothing, alone, whole}
	for i, s := range all {
		data, kafka := filepath.Join(dir, fmt.Sprint(i, ".db")), program.Nowhere
		if s.relays {
			kafka = broker
		}
		if s.Program, err = program.Serve(ctx, binary, data, placeScopes, kafka); err != nil {
			return err
		}
		defer s.Kill()
		if !s.nothing {
			continue
		}
		if err := s.Stop(); err != nil { // it has made the file with the key
			return err
		}
		if s.Program, err = program.Start(ctx, self, data, s.Key, kafka); err != nil {
			return err
		}
		defer s.Kill()
	}
	for _, connections := range []int{64, 256} {
		if err := b.placeOverHTTP(ctx, r, connections, all); err != nil {
			return err
		}
	}
	for _, s := range all {
		if err := s.check(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// service takes orders over HTTP.
type service struct {
	*program.Program
	name            string
	nothing, relays bool
	numbers         stores.Numbers
	placed          int64
}

func (b *bench) placeOverHTTP(ctx context.Context, r *report.Row, connections int, all []*service) error {
	name := func(of string) string { return fmt.Sprintf("%s, %d connections", of, connections) }
	goals := map[int][2]float64{64: {.60, .45}, 256: {.65, .60}}[connections]
	var contestants []contestant
	for _, s := range all {
		opened, err := load.Open(ctx, load.Target{Addr: s.API, Credential: s.Key}, connections)
		if err != nil {
			return err
		}
		defer opened.Close()
		if _, err := s.turn(ctx, opened, b.span/3); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		contestants = append(contestants, contestant{name(s.name), func(ctx context.Context) error {
			before, err := s.CPU()
			if err != nil {
				return err
			}
			kafkaBefore, err := program.CPUOf(b.kafka.PID())
			if err != nil {
				return err
			}
			wrote, err := s.turn(ctx, opened, b.span)
			if err != nil {
				return err
			}
			after, err := s.CPU()
			if err != nil {
				return err
			}
			kafkaAfter, err := program.CPUOf(b.kafka.PID())
			if err != nil {
				return err
			}
			if s.nothing {
				r.AddPeer(name(s.name), ordersPerSecond, wrote.Rate())
			} else {
				r.Add(name(s.name), ordersPerSecond, wrote.Rate())
			}
			r.Find(name(s.name)).Group = fmt.Sprint(connections, " connections")
			r.Add("p99 "+name(s.name), milliseconds, wrote.Quantile(.99).Seconds()*1000)
			each := func(d time.Duration) float64 {
				return float64(d.Microseconds()) / float64(len(wrote.Latencies))
			}
			r.Add("CPU "+name(s.name), usAnOrder, each(after-before))
			if s.relays {
				r.Add("CPU "+name("Kafka"), usAnOrder, each(kafkaAfter-kafkaBefore))
			}
			return nil
		}})
	}
	if err := b.inTurn(ctx, contestants...); err != nil {
		return err
	}
	ratio := func(of string, goal float64) report.Figure {
		return report.Figure{Name: name(of + ", of a service that stores nothing"), Series: name(of),
			Of: name("stores nothing"), Goal: goal}
	}
	r.Figures = append(r.Figures, ratio("everything on", goals[1]), ratio("without Kafka", goals[0]),
		report.Figure{Name: name("CPU of the order process, everything on"), Series: "CPU " + name("everything on"),
			Goal: 80, AtMost: true},
		report.Figure{Name: name("CPU of Kafka, everything on"), Series: "CPU " + name("Kafka")})
	return nil
}

// turn places for a span of time, and waits until all is published.
func (s *service) turn(ctx context.Context, opened load.Connections, span time.Duration) (*stores.Wrote, error) {
	wrote, err := opened.Place(ctx, &s.numbers, span)
	if err != nil {
		return nil, fmt.Errorf("%w; its log ends:\n%s", err, s.LogTail())
	}
	s.placed += int64(len(wrote.Latencies))
	if s.relays {
		err = s.Await(ctx, "order_outbox_backlog_messages", 0, drainLimit)
	}
	return wrote, err
}

// check compares what the service says with what was answered, and stops it.
func (s *service) check(ctx context.Context) error {
	for _, metric := range map[bool][]string{
		false: {"order_placed_total"}, true: {"order_placed_total", "order_outbox_published_total"},
	}[s.relays] {
		if s.nothing {
			continue
		}
		got, err := s.Metric(ctx, metric)
		if err != nil {
			return err
		}
		if got != float64(s.placed) {
			return fmt.Errorf("%s is %.0f, and %d orders were answered", metric, got, s.placed)
		}
	}
	return s.Stop()
}
