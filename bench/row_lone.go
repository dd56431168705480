package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/bench/bare"
	"ordertally/bench/load"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

// measureLone places one order at a time, and takes the time from its 201 until a reader of committed records has it.
// In turn, a bare idempotent producer sends one record, and a reader has it. The 201 comes right after the commit.
func measureLone(ctx context.Context, b *bench, r *report.Row) error {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, orderProgram)
	if err != nil {
		return err
	}
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	const orderTopic, bareTopic = "lone", "lone-bare"
	for _, topic := range []string{orderTopic, bareTopic} {
		if err := bare.CreateTopic(ctx, broker, topic); err != nil {
			return err
		}
	}
	p, err := program.Serve(ctx, binary, filepath.Join(dir, stores.File), placeScopes, broker, "--topic", orderTopic)
	if err != nil {
		return err
	}
	defer p.Kill()
	orders, err := newLoneOrders(ctx, p, broker, orderTopic)
	if err != nil {
		return err
	}
	defer orders.close()
	records, err := newLoneRecords(broker, bareTopic)
	if err != nil {
		return err
	}
	defer records.close()

	const warm, each = 30, 40
	for range warm {
		if _, _, err := orders.one(ctx); err != nil {
			return err
		}
		if _, err := records.one(); err != nil {
			return err
		}
	}
	err = b.inTurn(ctx, contestant{"both", func(ctx context.Context) error {
		var after, whole, alone []float64
		for range each { // they take turns here, so that a moment of noise meets both
			a, w, err := orders.one(ctx)
			if err != nil {
				return err
			}
			bareTook, err := records.one()
			if err != nil {
				return err
			}
			after, whole = append(after, a.Seconds()*1000), append(whole, w.Seconds()*1000)
			alone = append(alone, bareTook.Seconds()*1000)
		}
		r.Add("from the 201", milliseconds, report.Median(after))
		r.Add("from the request", milliseconds, report.Median(whole))
		r.AddPeer("bare producer", milliseconds, report.Median(alone))
		return nil
	}})
	r.Figures = append(r.Figures,
		report.Figure{Name: "commit to visible, of a producer without transactions", Series: "from the 201",
			Of: "bare producer", Goal: 4, AtMost: true},
		report.Figure{Name: "commit to visible", Series: "from the 201"})
	r.Note("Each round is the median of %d.", each)
	return errors.Join(err, p.Stop())
}

// loneOrders places orders one by one and waits until a reader has each.
type loneOrders struct {
	p       *program.Program
	conn    *load.Conn
	reader  *bare.Reader
	numbers stores.Numbers
}

func newLoneOrders(ctx context.Context, p *program.Program, broker, topic string) (*loneOrders, error) {
	conn, err := load.Dial(ctx, load.Target{Addr: p.API, Credential: p.Key})
	if err != nil {
		return nil, err
	}
	reader, err := bare.NewReader(broker, topic)
	return &loneOrders{p: p, conn: conn, reader: reader}, err
}

func (o *loneOrders) close() {
	o.conn.Close()
	_ = o.reader.Close() // it was only read
}

// one returns the times from the 201 and from the request until the order was visible.
func (o *loneOrders) one(ctx context.Context) (after, whole time.Duration, err error) {
	began := time.Now()
	if err := o.conn.Place(o.numbers.Next()); err != nil {
		return 0, 0, err
	}
	answered := time.Now()
	if _, err := o.reader.Next(); err != nil {
		return 0, 0, err
	}
	seen := time.Now()
	// The next one is alone again.
	err = o.p.Await(ctx, "order_outbox_backlog_messages", 0, drainLimit)
	return seen.Sub(answered), seen.Sub(began), err
}

// loneRecords sends records one by one and waits until a reader has each.
type loneRecords struct {
	producer *confluent.Producer
	maker    *bare.Maker
	reader   *bare.Reader
	sent     int64
}

func newLoneRecords(broker, topic string) (*loneRecords, error) {
	producer, err := bare.Producer(broker, 0, "none")
	if err != nil {
		return nil, err
	}
	reader, err := bare.NewReader(broker, topic)
	return &loneRecords{producer: producer, maker: bare.NewMaker(topic), reader: reader}, err
}

func (o *loneRecords) close() {
	o.producer.Close()
	_ = o.reader.Close() // it was only read
}

func (o *loneRecords) one() (time.Duration, error) {
	o.sent++
	record, reports := o.maker.Make(o.sent), make(chan confluent.Event, 1)
	began := time.Now()
	if err := o.producer.Produce(record, reports); err != nil {
		return 0, err
	}
	seen, err := o.reader.Next()
	took := time.Since(began)
	if err == nil && string(seen.Key) != string(record.Key) {
		err = fmt.Errorf("the reader has %s, and %s was sent", seen.Key, record.Key)
	}
	<-reports
	return took, err
}
