package orderd

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/backup"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
	"ordertally/shared/web"
)

// parse reads the settings of `order serve` as the program does. "" means no file.
func parse(t *testing.T, file string, env map[string]string, args ...string) (Config, error) {
	t.Helper()
	args = append([]string{"serve"}, args...)
	if file != "" {
		path := filepath.Join(t.TempDir(), "order.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	var commands struct {
		Serve struct{ Config } `cmd:"" checks:"itself"`
	}
	_, err := settings.Program{
		Name: "order", EnvPrefix: "ORDER", Stdout: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
	}.Parse(&commands, args)
	return commands.Serve.Config, err
}

func TestZeroFieldsAndFlagsHaveTheSameDefaults(t *testing.T) {
	want := Config{
		Config: service.Config{
			Listen: "127.0.0.1:8080", OpsListen: "127.0.0.1:8081", Data: "order.db", Kafka: []string{"127.0.0.1:9092"},
			Topic: event.Topic, KafkaSecurity: kafka.Security{Mechanism: "none"},
			Bounds: web.Bounds{
				MaxConnections: 10_000, MaxConnectionsOfAddress: 2_500, MaxHeaderBytes: 64 << 10,
				ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
				IdleTimeout: 2 * time.Minute,
			},
			Limits: ratelimit.Config{Burst: 10 * time.Second}, ScrubInterval: 24 * time.Hour,
			Backup: backup.Config{Every: 24 * time.Hour, Keep: 7},
			Log:    telemetry.LogConfig{Level: "info"},
			Memory: service.MemoryConfig{GCPercent: 400},
		},
		PublishMode: "transactional", Publisher: kafka.PublisherConfig{TransactionTimeout: 10 * time.Second},
		Outbox: outbox.Config{QueueMessages: 10_000, QueueBytes: 16 << 20},
		Relay: outbox.RelayConfig{
			BatchMessages: 10_000, BatchBytes: 8 << 20, MaxAttempts: 10,
			Retry: outbox.Backoff{First: time.Second, Factor: 2, Limit: 5 * time.Minute},
		},
		OutboxRetention:      168 * time.Hour,
		IdempotencyRetention: 720 * time.Hour,
		Ack:                  ack.Config{Ack: ack.Local, Else: ack.AnswerLocal, Wait: time.Second},
		Admission:            admission.Config{Latency: 15 * time.Millisecond, FreeDisk: 16 << 20},
	}
	var got Config
	if settings.Fill(&got); !reflect.DeepEqual(got, want) {
		t.Errorf("zero fields: %+v\nwant %+v", got, want)
	}
	// 0 is a value of these settings, so Fill leaves it. Only the flags have the defaults.
	want.Log = telemetry.LogConfig{Level: "info", MaxSize: 100, RotateEvery: 24 * time.Hour, MaxAge: 28, MaxBackups: 30,
		Compress: true}
	if got, err := parse(t, "", nil); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("flags: %+v, %v\nwant %+v", got, err, want)
	}
	if _, err := New(Config{}, zerolog.Nop()); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	if _, err := New(Config{
		Relay: outbox.RelayConfig{Linger: time.Second}, Outbox: outbox.Config{QueueBytes: 1},
	}, zerolog.Nop()); err != nil {
		t.Errorf("two fields and defaults are refused: %v", err)
	}
}

func TestOutboxSettingsReachTheConfig(t *testing.T) {
	for _, tc := range []struct {
		name, flag, env, file string // the setting and three values
		get                   func(*Config) any
		want                  [3]any
	}{
		{"outbox-linger", "5ms", "1s", "1m", func(c *Config) any { return c.Relay.Linger },
			[3]any{5 * time.Millisecond, time.Second, time.Minute}},
		{"outbox-batch-messages", "1", "2", "3", func(c *Config) any { return c.Relay.BatchMessages },
			[3]any{1, 2, 3}},
		{"outbox-batch-bytes", "1", "2", "3", func(c *Config) any { return c.Relay.BatchBytes },
			[3]any{1, 2, 3}},
		{"outbox-retry-first", "1s", "2s", "3s", func(c *Config) any { return c.Relay.Retry.First },
			[3]any{time.Second, 2 * time.Second, 3 * time.Second}},
		{"outbox-retry-factor", "1", "1.5", "1e1", func(c *Config) any { return c.Relay.Retry.Factor },
			[3]any{1.0, 1.5, 10.0}},
		{"outbox-retry-limit", "1m", "2m", "3m", func(c *Config) any { return c.Relay.Retry.Limit },
			[3]any{time.Minute, 2 * time.Minute, 3 * time.Minute}},
		{"outbox-max-attempts", "1", "2", "3", func(c *Config) any { return c.Relay.MaxAttempts },
			[3]any{1, 2, 3}},
		{"outbox-queue-messages", "1", "2", "3", func(c *Config) any { return c.Outbox.QueueMessages },
			[3]any{1, 2, 3}},
		{"outbox-queue-bytes", "1", "2", "3", func(c *Config) any { return c.Outbox.QueueBytes },
			[3]any{1, 2, 3}},
		{"outbox-retention", "1m", "24h", "876000h", func(c *Config) any { return c.OutboxRetention },
			[3]any{time.Minute, 24 * time.Hour, 876000 * time.Hour}},
	} {
		env := map[string]string{"ORDER_" + strings.ToUpper(strings.ReplaceAll(tc.name, "-", "_")): tc.env}
		file := tc.name + ": " + tc.file + "\n"
		flag := "--" + tc.name + "=" + tc.flag
		for i, given := range []struct {
			source, file string
			env          map[string]string
			args         []string
		}{
			{"flag", file, env, []string{flag}}, // each wins over the next
			{"environment", file, env, nil},
			{"file", file, nil, nil},
		} {
			config, err := parse(t, given.file, given.env, given.args...)
			if err != nil {
				t.Errorf("%s from the %s: %v", tc.name, given.source, err)
				continue
			}
			if _, err := New(config, zerolog.Nop()); err != nil {
				t.Errorf("%s from the %s is refused: %v", tc.name, given.source, err)
			}
			if got := tc.get(&config); got != tc.want[i] {
				t.Errorf("%s from the %s: %v, want %v", tc.name, given.source, got, tc.want[i])
			}
		}
	}
}

func TestSettingsOutOfRangeAreRefusedByName(t *testing.T) {
	for _, tc := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Listen = "8080" }, `listen: "8080" is not HOST:PORT`},
		{func(c *Config) { c.OpsListen = "x" }, `ops-listen: "x" is not`},
		{func(c *Config) { c.Listen = "127.0.0.1:70000" }, `listen: "127.0.0.1:70000" is not HOST:PORT: the port`},
		{func(c *Config) { c.Kafka = []string{"a:1", "b"} }, `kafka: "b" is not`},
		{func(c *Config) { c.PublishMode = "sometimes" },
			`publish-mode: "sometimes" is neither transactional nor idempotent`},
		{func(c *Config) { c.Backup.Every = time.Second }, "backup-every: 1s is not 1m0s or more"},
		{func(c *Config) { c.Backup.Keep = -1 }, "backup-keep: -1 is not between 1 and 100000"},
		{func(c *Config) { c.Relay.Linger = -1 }, "outbox-linger: -1ns is not between 0s and 1m0s"},
		{func(c *Config) { c.Relay.Linger = time.Minute + 1 }, "outbox-linger: 1m0.000000001s is not"},
		{func(c *Config) { c.Relay.BatchMessages = -1 }, "outbox-batch-messages: -1 is not between 1 and 1000000"},
		{func(c *Config) { c.Relay.BatchMessages = 1_000_001 }, "outbox-batch-messages: 1000001 is not"},
		{func(c *Config) { c.Relay.BatchBytes = -1 }, "outbox-batch-bytes: -1 is not between 1 and 1073741824"},
		{func(c *Config) { c.Relay.BatchBytes = 1<<30 + 1 }, "outbox-batch-bytes: 1073741825 is not"},
		{func(c *Config) { c.Relay.Retry.First = 999 * time.Microsecond },
			"outbox-retry-first: 999µs is not between 1ms and 24h0m0s"},
		{func(c *Config) { c.Relay.Retry.First = 10 * time.Minute },
			"outbox-retry-limit: 5m0s is less than outbox-retry-first, 10m0s"},
		{func(c *Config) { c.Relay.Retry.Factor = 0.5 }, "outbox-retry-factor: 0.5 is not between 1 and 100"},
		{func(c *Config) { c.Relay.Retry.Factor = math.NaN() }, "outbox-retry-factor: NaN is not"},
		{func(c *Config) { c.Relay.Retry.Factor = math.Inf(1) }, "outbox-retry-factor: +Inf is not"},
		{func(c *Config) { c.Relay.Retry.Limit = 25 * time.Hour },
			"outbox-retry-limit: 25h0m0s is not between 1ms and 24h0m0s"},
		{func(c *Config) { c.Relay.MaxAttempts = -1 }, "outbox-max-attempts: -1 is not between 1 and 1000000"},
		{func(c *Config) { c.Outbox.QueueMessages = -1 }, "outbox-queue-messages: -1 is not"},
		{func(c *Config) { c.Outbox.QueueBytes = 1<<30 + 1 }, "outbox-queue-bytes: 1073741825 is not"},
		{func(c *Config) { c.OutboxRetention = 59 * time.Second },
			"outbox-retention: 59s is not between 1m0s and 876000h0m0s"},
		{func(c *Config) { c.Publisher.TransactionTimeout = time.Second },
			"transaction-timeout: 1s is not between 3s and 15m0s"},
		{func(c *Config) { c.Publisher.TransactionTimeout = time.Hour }, "transaction-timeout: 1h0m0s is not between"},
		{func(c *Config) { c.Ack.Ack = "disk" }, `ack: "disk" is neither local nor kafka`},
		{func(c *Config) { c.Ack.Else = "wait" }, `ack-else: "wait" is none of local, keyless, refuse`},
		{func(c *Config) { c.Ack.Wait = time.Minute }, "ack-wait: 1m0s is not between 10ms and 30s"},
		{func(c *Config) { c.ActivityURL = "statistics:8090" }, "activity-url: want an address for a browser"},
		{func(c *Config) { c.IdempotencyRetention = -1 },
			"idempotency-retention: -1ns is not between 1m0s and 876000h0m0s"},
	} {
		var config Config
		tc.change(&config)
		_, err := New(config, zerolog.Nop())
		if err == nil || !strings.HasPrefix(err.Error(), "order settings: "+tc.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q and no more", err, tc.want)
		}
	}
	_, err := New(Config{Config: service.Config{Listen: "x"}, Relay: outbox.RelayConfig{Linger: -1, BatchBytes: -1}},
		zerolog.Nop())
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all faults are listed: %v", err)
	}
}

func TestSettingsThatAreNoValueNameTheirSource(t *testing.T) {
	for _, tc := range []struct {
		file string
		env  map[string]string
		args []string
		want string
	}{
		{args: []string{"--outbox-linger=5"}, want: "--outbox-linger"},
		{env: map[string]string{"ORDER_OUTBOX_BATCH_BYTES": "8MiB"}, want: "ORDER_OUTBOX_BATCH_BYTES"},
		{file: "topic: t\noutbox-max-attempts: many\n", want: "order.yaml:2: outbox-max-attempts"},
		{file: "outbox-lingr: 1s\n", want: `did you mean "outbox-linger"?`},
	} {
		_, err := parse(t, tc.file, tc.env, tc.args...)
		if settings.ExitCode(err) != settings.ExitUsage || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}
