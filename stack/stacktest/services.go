// Package stacktest has what the tests of both services share. It runs the services in the test's own process or as
// programs, asks them questions, places orders, and reads topics. Paths are relative to a package directly below stack.
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
	"ordertally/shared/web/webpage"
)

// Services runs both services in this process, against a broker that runs elsewhere.
type Services struct {
	Order     *orderd.Service
	Activity  *activityd.Service
	Brokers   string // may be changed before a start
	Addresses Addresses

	t      testing.TB
	dir    string
	config orderd.Config
}

// Addresses are the addresses of the four listeners. A restart keeps them.
type Addresses struct{ Order, OrderOps, Activity, ActivityOps string }

const free = "127.0.0.1:0"

// StartServices starts both services on free ports, with files in dir. They stop when the test ends. Their files must
// be sound then.
func StartServices(t testing.TB, dir, brokers string) *Services {
	t.Helper()
	return StartServicesWith(t, dir, brokers, orderd.Config{})
}

// StartServicesWith is StartServices with settings of order. The test sets its addresses, file and broker.
func StartServicesWith(t testing.TB, dir, brokers string, config orderd.Config) *Services {
	t.Helper()
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

// check checks that both files are sound.
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

// Start starts them again after Stop. Their complaints are shown if the test fails.
func (s *Services) Start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	logger := zerolog.New(zerolog.NewTestWriter(s.t)).Level(zerolog.WarnLevel).With().Timestamp().Logger()
	var err error
	config := s.config
	config.Listen, config.OpsListen = s.Addresses.Order, s.Addresses.OrderOps
	config.Data, config.Kafka = filepath.Join(s.dir, "order.db"), strings.Split(s.Brokers, ",")
	if s.Addresses.Activity == free {
		s.Addresses.Activity = FreePort(s.t) // order is told before activity listens
	}
	config.ActivityURL = webpage.Address(s.ActivityURL())
	s.Order, err = orderd.New(config, logger)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Order.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.Activity, err = activityd.New(activityd.Config{Config: service.Config{
		Listen: s.Addresses.Activity, OpsListen: s.Addresses.ActivityOps,
		Data: filepath.Join(s.dir, "activity.db"), Kafka: strings.Split(s.Brokers, ","),
	}, OrderURL: webpage.Address("http://" + s.Order.Addr())}, logger)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Activity.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.Addresses = Addresses{
		Order: s.Order.Addr(), OrderOps: s.Order.OpsAddr(),
		Activity: s.Activity.Addr(), ActivityOps: s.Activity.OpsAddr(),
	}
}

// Stop stops both.
func (s *Services) Stop() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.Activity != nil {
		if err := s.Activity.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	if s.Order != nil {
		if err := s.Order.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	s.Order, s.Activity = nil, nil
}

// OrderURL returns the base URL of order's API.
func (s *Services) OrderURL() string { return "http://" + s.Addresses.Order }

// ActivityURL returns the base URL of activity's API.
func (s *Services) ActivityURL() string { return "http://" + s.Addresses.Activity }
