package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
)

// skipCmd skips records that end the service when it reads them.
type skipCmd struct {
	// Database file of a stopped service.
	Data string `default:"${data}"`
	// Topic that the record is in.
	Topic string `default:"${topic}"`
	// Its partition.
	Partition int32 `required:""`
	// Its offset, which must be the next one that the service reads.
	Offset int64 `required:""`
	// Last offset to skip (inclusive). Default: --offset, for one record.
	To int64 `default:"-1"`
	// Why; kept in the audit entry.
	Reason string `required:""`
}

// Run writes one line for each activity to standard output.
func (c *skipCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *skipCmd) run(ctx context.Context, out io.Writer) error {
	if c.To < 0 {
		c.To = c.Offset
	}
	if c.Partition < 0 || c.Offset < 0 || c.To < c.Offset || strings.TrimSpace(c.Reason) == "" {
		return settings.WithExitCode(
			errors.New(
				"--partition and --offset must not be negative, --to must not be below --offset, and --reason must "+
					"not be empty",
			),
			settings.ExitUsage,
		)
	}
	if _, err := os.Stat(c.Data); err != nil { // or opening would create the file
		return fmt.Errorf("open database %s: %w", c.Data, err)
	}
	db, err := boltdb.Open(c.Data, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		return err
	}
	names, err := activitystore.Skip(ctx, db, activity.Skip{
		Topic: c.Topic, Partition: c.Partition, From: c.Offset, To: c.To, Reason: c.Reason,
	}, activitystore.Options{})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	what := fmt.Sprintf("offset %d", c.Offset)
	if c.To > c.Offset {
		what = fmt.Sprintf("offsets %d to %d", c.Offset, c.To)
	}
	for _, name := range names {
		if _, err := fmt.Fprintf(
			out,
			"%s: skipped %s of partition %d of topic %s; the next offset is %d\n",
			name,
			what,
			c.Partition,
			c.Topic,
			c.To+1,
		); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	return nil
}
