// Package stack runs both services and a broker in one process: for development, for the tour of `make run`, and for
// the end-to-end tests beside it.
//
//	HTTP ──> order ──> order.db        activity.db <── activity ──> HTTP
//	           └──────────> broker ────────────────────────┘
package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityd"
	"ordertally/activity/declare"
	"ordertally/order/orderd"
	"ordertally/shared/auth"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/web/webpage"
)

// Config configures a Stack. Its tags also make it the flags of `ordertally dev`.
type Config struct {
	// Directory that everything is kept in; made when absent.
	Data string `name:"data" default:"./data"`
	// Address of the order API. Without a host, as in :0, it is one of loopback; so are the others.
	OrderListen string `name:"order-listen" default:"127.0.0.1:8080"`
	// Address of the order service's metrics and health.
	OrderOpsListen string `name:"order-ops-listen" default:"127.0.0.1:8081"`
	// Address of the activity API and page.
	ActivityListen string `name:"activity-listen" default:"127.0.0.1:8090"`
	// Address of the activity service's metrics and health.
	ActivityOpsListen string `name:"activity-ops-listen" default:"127.0.0.1:8091"`
	// Listen beyond loopback though no API key is configured: everybody may do everything.
	AllowUnauthenticated bool `name:"allow-unauthenticated"`
	// Address of the broker.
	KafkaListen string `name:"kafka-listen" default:"127.0.0.1:9092"`
	// Time zone of days when a request names none, such as Europe/London.
	Zone activity.ZoneName `name:"zone" default:"UTC"`
	// Activities to count besides ORDER_CREATED, as for activity. Their topics are made.
	Activities declare.Text `name:"activities" placeholder:"YAML" yaml:""`
	// Verbosity is the level of the logger, if both ops listeners may change it.
	Verbosity *telemetry.Level `kong:"-"`
	// Drops counts the lines that the logger lost, for the metrics of both services.
	Drops *telemetry.Drops `kong:"-"`
}

// Stack is the broker and both services.
type Stack struct {
	config   Config
	logger   zerolog.Logger
	steps    lifecycle.Stack
	broker   *devbroker.Broker
	order    *orderd.Service
	activity *activityd.Service
	demo     bool // it runs
}

// New returns a stack that has not started.
func New(config Config, logger zerolog.Logger) *Stack {
	for _, address := range []*string{
		&config.OrderListen, &config.OrderOpsListen, &config.ActivityListen, &config.ActivityOpsListen,
		&config.KafkaListen,
	} {
		if strings.HasPrefix(*address, ":") {
			*address = "127.0.0.1" + *address
		}
	}
	return &Stack{config: config, logger: logger}
}

// Start starts the broker, then order, then activity. If one fails, the others are stopped again. If a port or data
// directory is in use, the error names it.
func (s *Stack) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return lifecycle.Abandon(ctx, err, s.Stop)
	}
	return nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	kafkaData := filepath.Join(s.config.Data, "kafka")
	if err := os.MkdirAll(kafkaData, 0o750); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	part := func(name string) zerolog.Logger { return s.logger.With().Str("part", name).Logger() }
	s.broker, err = devbroker.Start(devbroker.Config{
		Listen: s.config.KafkaListen, DataDir: kafkaData,
		Log: part("broker").Level(zerolog.ErrorLevel), // it warns of every transaction that takes milliseconds
	})
	if err != nil {
		return err
	}
	s.steps.Push("broker", func(context.Context) error { return s.broker.Stop() })

	if err := s.makeTopics(ctx); err != nil {
		return err
	}

	around := func(listen, ops, file string) service.Config {
		return service.Config{
			Listen: listen, OpsListen: ops, Data: filepath.Join(s.config.Data, file), Kafka: []string{s.broker.Addr()},
			Auth:          auth.Config{AllowUnauthenticated: s.config.AllowUnauthenticated},
			QuietRequests: true, MayBeNew: true, Verbosity: s.config.Verbosity, Drops: s.config.Drops,
		}
	}
	activityListen, err := freePort(ctx, s.config.ActivityListen)
	if err != nil {
		return err
	}
	s.order, err = orderd.New(orderd.Config{
		Config:      around(s.config.OrderListen, s.config.OrderOpsListen, "order.db"),
		ActivityURL: webpage.Address("http://" + activityListen),
	}, part("order"))
	if err != nil {
		return err
	}
	if err := s.order.Start(ctx); err != nil {
		return err
	}
	s.steps.Push("order", s.order.Stop)

	s.activity, err = activityd.New(activityd.Config{
		Config: around(activityListen, s.config.ActivityOpsListen, "activity.db"),
		Zone:   s.config.Zone, Activities: s.config.Activities,
		OrderURL: webpage.Address(s.OrderURL()),
	}, part("activity"))
	if err != nil {
		return err
	}
	if err := s.activity.Start(ctx); err != nil {
		return err
	}
	s.steps.Push("activity", s.activity.Stop)
	return nil
}

// freePort replaces a port 0 by one that is free: the order service names the activity service's address before that
// listens.
func freePort(ctx context.Context, listen string) (string, error) {
	if !strings.HasSuffix(listen, ":0") {
		return listen, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// makeTopics makes the topics of declared activities. The topic of the orders is order's to make.
func (s *Stack) makeTopics(ctx context.Context) error {
	declared, err := declare.Parse(string(s.config.Activities))
	if err != nil {
		return fmt.Errorf("activities: %w", err)
	}
	var topics []string
	for i := range declared {
		if topic := declared[i].Topic; topic != event.Topic && !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	return kafka.MakeTopics(ctx, []string{s.broker.Addr()}, topics)
}

// Stop stops activity, order and the broker, in that order. Calling it again does nothing.
func (s *Stack) Stop(ctx context.Context) error { return s.steps.Stop(ctx) }

// Wait returns nil when ctx ends, or an error when a service cannot go on.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.order.Failed():
		return fmt.Errorf("order: %w", s.order.Err())
	case <-s.activity.Failed():
		return fmt.Errorf("activity: %w", s.activity.Err())
	}
}

// OrderURL returns the base URL of the order service's API. Call it after Start.
func (s *Stack) OrderURL() string { return "http://" + s.order.Addr() }

// ActivityURL returns the base URL of the activity service's API. Call it after Start.
func (s *Stack) ActivityURL() string { return "http://" + s.activity.Addr() }
