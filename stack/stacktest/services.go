// Package stacktest has what the tests of both services share: the services in the test's own process or as programs,
// questions to them, orders to place, and topics to look into. Paths are those of a package directly below stack.
package stacktest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/activity/activitystore"
	"ordertally/order/orderd"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/service"
)

// Services is both services in this process, against a broker that runs elsewhere.
type Services struct {
	Order     *orderd.Service
	Brokers   string // may be changed before a start
	Addresses Addresses

	t        testing.TB
	activity *activityd.Service
	dir      string
	config   orderd.Config
}

// Addresses of the four listeners, kept over a restart.
type Addresses struct{ Order, OrderOps, Activity, ActivityOps string }

// StartServices starts both services on free ports with files in dir and stops them at the end of the test. Their
// files must be whole then.
func StartServices(t testing.TB, dir, brokers string) *Services {
	t.Helper()
	return StartServicesWith(t, dir, brokers, orderd.Config{})
}

// StartServicesWith is StartServices with settings of order. Its addresses, file and broker are the test's.
func StartServicesWith(t testing.TB, dir, brokers string, config orderd.Config) *Services {
	t.Helper()
	const free = "127.0.0.1:0"
	s := &Services{
		t: t, dir: dir, Brokers: brokers, config: config,
		Addresses: Addresses{Order: free, OrderOps: free, Activity: free, ActivityOps: free},
	}
	s.Start()
	t.Cleanup(func() {
		s.Stop()
		s.check()
	})
	return s
}

// check wants both files to be whole.
func (s *Services) check() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for name, check := range map[string]boltdb.Checker{
		"order.db": orderstore.Check, "activity.db": activitystore.Check,
	} {
		checked, err := boltdb.CheckFile(ctx, filepath.Join(s.dir, name), check)
		if err != nil || len(checked.Faults) > 0 {
			s.t.Errorf("the file of a stopped service: %v, %q", err, checked.Faults)
		}
	}
}

// Start starts them again, after Stop. What they complain of is shown when the test fails.
func (s *Services) Start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	logger := zerolog.New(zerolog.NewTestWriter(s.t)).Level(zerolog.WarnLevel).With().Timestamp().Logger()
	var err error
	config := s.config
	config.Listen, config.OpsListen = s.Addresses.Order, s.Addresses.OrderOps
	config.Data, config.Kafka = filepath.Join(s.dir, "order.db"), strings.Split(s.Brokers, ",")
	s.Order, err = orderd.New(config, logger)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Order.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.activity, err = activityd.New(activityd.Config{Config: service.Config{
		Listen: s.Addresses.Activity, OpsListen: s.Addresses.ActivityOps,
		Data: filepath.Join(s.dir, "activity.db"), Kafka: strings.Split(s.Brokers, ","),
	}}, logger)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.activity.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.Addresses = Addresses{
		Order: s.Order.Addr(), OrderOps: s.Order.OpsAddr(),
		Activity: s.activity.Addr(), ActivityOps: s.activity.OpsAddr(),
	}
}

// Stop stops both.
func (s *Services) Stop() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.activity != nil {
		if err := s.activity.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	if s.Order != nil {
		if err := s.Order.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	s.Order, s.activity = nil, nil
}

// OrderURL is the base of order's API.
func (s *Services) OrderURL() string { return "http://" + s.Addresses.Order }

// ActivityURL is the base of activity's API.
func (s *Services) ActivityURL() string { return "http://" + s.Addresses.Activity }
