package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"ordertally/order/restore"
	"ordertally/shared/kafka"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type restoreCmd struct {
	// The new database file, which must not exist.
	Data string `required:"" placeholder:"NEW"`
	// A database file or a backup to begin with. It may be damaged: what can be read is copied, and the rest is named.
	Base string `placeholder:"FILE"`
	// Add what the topic has. This stops any service that still publishes under the lineage, for good.
	FromTopic bool
	// The lineage to restore. Default: the base's, or the only one in the topic.
	Lineage string `placeholder:"NAME"`
	// Print the same report, but leave no file and stop nobody.
	DryRun bool

	// Kafka brokers, host:port separated by commas.
	Kafka         []string       `default:"127.0.0.1:9092" check:"address"`
	KafkaSecurity kafka.Security `embed:"" prefix:"kafka-"`
	// Topic of the orders' messages.
	Topic string `default:"order.activity.v1"`
	// How the service publishes.
	PublishMode string `default:"transactional" enum:"transactional,idempotent"`

	// How long an idempotency key is known. Older ones are left out.
	IdempotencyRetention time.Duration `default:"720h" range:"1m..876000h"`
	// How long published messages are kept in the file.
	OutboxRetention time.Duration `default:"168h" range:"1m..876000h"`

	output.Form
}

// restored is what the verb answers with.
type restored struct {
	File   string `json:"file"`
	DryRun bool   `json:"dry_run"`
	*restore.Report
	Seconds float64 `json:"seconds"`
}

// Run makes the file, and prints what came and what did not. On a terminal it shows what it does meanwhile.
func (c *restoreCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout(), os.Stderr) }

func (c *restoreCmd) run(ctx context.Context, out, stderr io.Writer) error {
	if !c.FromTopic && c.Base == "" {
		return settings.WithExitCode(
			errors.New("give --base FILE, --from-topic, or both: there is nothing to restore from"), settings.ExitUsage)
	}
	if c.Lineage != "" && !c.FromTopic {
		return settings.WithExitCode(errors.New("--lineage goes with --from-topic"), settings.ExitUsage)
	}
	began := time.Now()
	progress := output.Begin(stderr, "restore")
	defer progress.Close()
	report, err := restore.Run(ctx, restore.Config{
		Data: c.Data, Base: c.Base, FromTopic: c.FromTopic, Lineage: c.Lineage, DryRun: c.DryRun,
		Publisher: kafka.PublisherConfig{
			Brokers: c.Kafka, Security: c.KafkaSecurity, Topic: c.Topic, Idempotent: c.PublishMode == "idempotent",
		},
		KeyRetention: c.IdempotencyRetention, OutboxRetention: c.OutboxRetention,
		Logger:   zerolog.Nop(),
		Progress: progress.Step,
	})
	progress.Close()
	if err != nil {
		return err
	}
	took := time.Since(began)
	return c.Write(out, restored{c.Data, c.DryRun, report, took.Seconds()}, func(out io.Writer) error {
		done := c.Data + " is ready: order serve --data " + c.Data
		if c.DryRun {
			done = "nothing was written, and nobody was stopped"
		}
		return errors.Join(report.Write(out), output.Print(out, "%s (%s)\n", done, output.Took(took)))
	})
}
