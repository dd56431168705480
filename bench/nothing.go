package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderstore"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

// nothingVerb makes this program the service that stores nothing, as a process of its own.
const nothingVerb = "serve"

// nowhere answers like a store and stores nothing.
type nowhere struct {
	order.Store
	ids *uuidv7.Source
}

func (n nowhere) Place(_ context.Context, r *order.Request) (order.Placed, error) {
	id := n.ids.Next()
	event.SetID(r.Payload, id)
	return order.Placed{Stored: order.Stored{
		ID: id, Payload: r.Payload, PlacedBy: r.PlacedBy,
		Publication: order.Publication{State: order.Pending, Attempts: new(int)},
	}}, nil
}

// nothingSent knows of no message. An answer that says local does not ask it.
type nothingSent struct{}

func (nothingSent) Await(context.Context, uint64) (unknown outbox.Ack) { return unknown }

// serveNothing serves the order API until ctx ends: the same router, checks, credentials and answers as those of the
// order service, and no store behind it. The credentials are in the file data.
func serveNothing(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(nothingVerb, flag.ContinueOnError)
	listen := flags.String("listen", "", "address of the API")
	ops := flags.String("ops-listen", "", "address of the health")
	data := flags.String("data", "", "file with the API keys")
	flags.String("kafka", "", "is not used")
	if err := flags.Parse(args); err != nil {
		return err
	}
	db, err := boltdb.Open(*data, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was stored
	keys, err := auth.OpenKeys(ctx, db, clock.System{})
	if err != nil {
		return err
	}
	store := nowhere{ids: uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})}
	orders, err := order.NewOrders(store, clock.System{})
	if err != nil {
		return err
	}
	front := web.Front{
		Metrics: web.NewMetrics(prometheus.NewRegistry()), Tracing: &tracing.Tracing{}, Logger: zerolog.New(io.Discard),
	}
	api := web.New(web.Config{Addr: *listen, Handler: front.Wrap(orderapi.New(orderapi.Config{
		Orders: orders, Store: store, Logger: zerolog.Nop(), Guard: &auth.Guard{Keys: keys},
		Limiter: ratelimit.Unlimited(), Gate: admission.Unlimited(),
		Acks: ack.New(ack.Config{}, nothingSent{}, prometheus.NewRegistry()),
	}))}, zerolog.Nop())
	if err := api.Start(); err != nil {
		return err
	}
	health := http.NewServeMux()
	health.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") })
	side := &http.Server{Addr: *ops, Handler: health, ReadHeaderTimeout: time.Second}
	failed := make(chan error, 1)
	go func() { failed <- side.ListenAndServe() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = side.Close()
		if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if stopped := api.Stop(stopping); err == nil {
		err = stopped
	}
	return err
}
