package activityd

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/inbox"
	"ordertally/shared/kafka"
	"ordertally/shared/service"
	"ordertally/shared/settings"
)

// Config of the activity service. A zero field has its default. The tags make it the flags of `activity serve` as well;
// FlagDefaults has the variables in them.
type Config struct {
	// Listen is the address of the API and of the page. Default 127.0.0.1:8090; port 0 picks a free one.
	Listen string `default:"${listen}" help:"Address of the API and the page (host:port, port 0 picks a free one)." name:"listen"`
	// OpsListen is the address of /metrics, /livez and /readyz. Default 127.0.0.1:8091.
	OpsListen string `default:"${ops_listen}" help:"Address of metrics and health." name:"ops-listen"`
	// Data is the database file. Its directory must exist. Default activity.db in the working directory.
	Data string `default:"${data}" help:"Database file; its directory must exist." name:"data"`
	// Kafka names at least one broker. Default 127.0.0.1:9092.
	Kafka []string `default:"${kafka}" help:"Kafka brokers, host:port separated by commas." name:"kafka"`
	// KafkaSecurity is how to connect to it.
	KafkaSecurity kafka.Security `embed:"" prefix:"kafka-"`
	// Topic that ORDER_CREATED is read from. Default event.Topic.
	Topic string `default:"${topic}" help:"Topic of ORDER_CREATED." name:"topic"`
	// DedupRetention is how long the ids of messages are kept, to recognise one that comes again. Messages of an order
	// service are recognised for ever, by their slots. Default 14 days.
	DedupRetention time.Duration `default:"${dedup_retention}" help:"How long to recognise a foreign message that comes again." name:"dedup-retention"`
	// BatchMessages is the most messages that share a transaction: a batch is what waits. Default 5,000.
	BatchMessages int `default:"${batch_messages}" help:"Most messages counted in one transaction." name:"batch-messages"`
	// ReadAheadBytes is about the most that is read from Kafka ahead of the counting, for each activity. Default 64
	// MiB.
	ReadAheadBytes int `default:"${read_ahead_bytes}" help:"About the most bytes read from Kafka ahead of the counting, for each activity." name:"read-ahead-bytes"`
	// MaxRecordBytes is the largest record that is kept whole. Of a larger one only the offset and headers are kept.
	// Default 2 MiB.
	MaxRecordBytes int `default:"${max_record_bytes}" help:"Largest record that is counted. A larger one is parked with its offset and headers but without its value." name:"max-record-bytes"`
	// RetryFirst and RetryLimit bound the wait between two attempts to reach Kafka. Default 50 ms and 1 s.
	RetryFirst time.Duration `default:"${retry_first}" help:"First wait between two attempts to reach Kafka; it grows." name:"retry-first"`
	RetryLimit time.Duration `default:"${retry_limit}" help:"What that wait grows to." name:"retry-limit"`
	// LedgerBytes bounds the parked messages of an activity, and the late ones. Default 1 GiB.
	LedgerBytes int64 `default:"${ledger_bytes}" help:"Most bytes of parked messages of an activity, and of late ones; of more only the place is kept." name:"ledger-bytes"`
	// LedgerRetention is how long they are kept. Default 90 days.
	LedgerRetention time.Duration `default:"${ledger_retention}" help:"How long parked and late messages are kept." name:"ledger-retention"`
	// Zone is the IANA time zone of days when a request names none. Default UTC.
	Zone string `default:"${zone}" help:"Time zone of days when a request names none, such as Europe/London." name:"zone"`
	// LiveListeners is how many live streams may be open at once. Default 2,000.
	LiveListeners int `default:"${live_listeners}" help:"Most live streams that may be open at once." name:"live-listeners"`
	// Serving is what goes around the API. The tag is not embed:"": what has that, kong validates while it parses, and
	// would name the faults of this alone; config print would name nothing else.
	Serving service.Config `kong:"embed"`
	// Activities declares more activities, or ORDER_CREATED otherwise, as package declare reads it.
	Activities string `help:"Activities to count besides ORDER_CREATED: a YAML list, see the README." name:"activities" placeholder:"YAML" yaml:""`
	// Clock is what days and their ends go by. Default clock.System. It is for tests.
	Clock clock.Clock `kong:"-"`
}

const (
	defaultListen    = "127.0.0.1:8090"
	defaultOpsListen = "127.0.0.1:8091"
	defaultData      = "activity.db"
	defaultKafka     = "127.0.0.1:9092"
	defaultZone      = "UTC"
)

const (
	maxBatchMessages = 100_000
	maxReadAhead     = 2<<30 - 1
	maxRecordBytes   = 64 << 20
	minRecordBytes   = 1 << 10
	maxRetry         = time.Hour
)

// FlagDefaults returns the variables that Config's tags speak of.
func FlagDefaults() map[string]string {
	return map[string]string{
		"listen": defaultListen, "ops_listen": defaultOpsListen, "data": defaultData, "kafka": defaultKafka,
		"topic": event.Topic, "dedup_retention": inbox.DefaultRetention.String(), "zone": defaultZone,
		"batch_messages":   strconv.Itoa(ingest.DefaultMaxBatch),
		"read_ahead_bytes": strconv.Itoa(kafka.DefaultReadAheadBytes),
		"max_record_bytes": strconv.Itoa(kafka.DefaultMaxRecordBytes),
		"retry_first":      kafka.DefaultRetryFirst.String(),
		"retry_limit":      kafka.DefaultRetryLimit.String(),
		"live_listeners":   strconv.Itoa(activityapi.DefaultListeners),
		"ledger_bytes": strconv.Itoa(
			activitystore.DefaultLedgerBytes,
		),
		"ledger_retention": activitystore.DefaultLedgerRetention.String(),
	}
}

func (c Config) withDefaults() Config {
	def := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	def(&c.Listen, defaultListen)
	def(&c.OpsListen, defaultOpsListen)
	def(&c.Data, defaultData)
	def(&c.Topic, event.Topic)
	def(&c.Zone, defaultZone)
	c.KafkaSecurity = c.KafkaSecurity.WithDefaults()
	if len(c.Kafka) == 0 {
		c.Kafka = []string{defaultKafka}
	}
	if c.DedupRetention == 0 {
		c.DedupRetention = inbox.DefaultRetention
	}
	if c.LedgerBytes == 0 {
		c.LedgerBytes = activitystore.DefaultLedgerBytes
	}
	if c.LedgerRetention == 0 {
		c.LedgerRetention = activitystore.DefaultLedgerRetention
	}
	c.Serving = c.Serving.WithDefaults()
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	address := func(name, value string) {
		if err := settings.CheckHostPort(value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	address("listen", c.Listen)
	address("ops-listen", c.OpsListen)
	for _, addr := range c.Kafka {
		address("kafka", addr)
	}
	if c.DedupRetention < 0 {
		errs = append(errs, errors.New("dedup-retention: a duration cannot be negative"))
	}
	if c.BatchMessages < 0 || c.BatchMessages > maxBatchMessages {
		errs = append(errs, fmt.Errorf("batch-messages: it must be 1 to %d", maxBatchMessages))
	}
	if c.ReadAheadBytes < 0 || c.ReadAheadBytes > maxReadAhead {
		errs = append(errs, fmt.Errorf("read-ahead-bytes: it must be 1 to %d", maxReadAhead))
	}
	if c.MaxRecordBytes != 0 && (c.MaxRecordBytes < minRecordBytes || c.MaxRecordBytes > maxRecordBytes) {
		errs = append(errs, fmt.Errorf("max-record-bytes: it must be %d to %d", minRecordBytes, maxRecordBytes))
	}
	if c.RetryFirst < 0 || c.RetryLimit < 0 || c.RetryFirst > maxRetry || c.RetryLimit > maxRetry ||
		c.RetryLimit != 0 && c.RetryLimit < c.RetryFirst {
		errs = append(errs, fmt.Errorf("retry-first, retry-limit: each is at most %s, and the limit is not below the "+
			"first", maxRetry))
	}
	if c.LiveListeners < 0 {
		errs = append(errs, errors.New("live-listeners: it cannot be negative"))
	}
	if c.LedgerBytes < 0 || c.LedgerRetention < 0 {
		errs = append(errs, errors.New("ledger-bytes, ledger-retention: neither can be negative"))
	}
	if _, err := activity.LoadZone(c.Zone); err != nil {
		errs = append(errs, fmt.Errorf("zone: %w", err))
	}
	for _, err := range declaredFaults(c.Activities) {
		errs = append(errs, fmt.Errorf("activities: %w", err))
	}
	return errors.Join(append(errs, c.Serving.Validate(), c.KafkaSecurity.Validate("kafka-"))...)
}

// declaredFaults returns what is wrong with the activities, one by one.
func declaredFaults(text string) []error {
	_, err := declare.Parse(text)
	if all, several := err.(interface{ Unwrap() []error }); several {
		return all.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}
