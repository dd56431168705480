package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityd"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/activity/rebuild"
	"ordertally/shared/boltdb"
	"ordertally/shared/kafka"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

// maxCompared is how many days that differ are listed of an activity.
const maxCompared = 400

// recount counts all activities into a new file.
func (c *rebuildCmd) recount(ctx context.Context, out io.Writer) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(ingest.GCPercent)
	}
	if _, err := activityd.New(c.Config, zerolog.Nop()); err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	if _, err := os.Lstat(c.Data); err == nil {
		return settings.WithExitCode(fmt.Errorf("%s exists: --data names the new file, which must not exist", c.Data),
			settings.ExitUsage)
	}
	if c.Base != "" {
		if err := extract(ctx, c.Base, c.Data); err != nil {
			return err
		}
	}
	old, closeOld, err := c.old(ctx)
	if err != nil {
		return err
	}
	defer closeOld()
	db, err := boltdb.Open(c.Data, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err = c.recountAll(ctx, out, db, old); err == nil {
		err = write(out, "activity serve --data "+c.Data+" reads on from there\n")
	}
	return err
}

// old returns a copy of the file to compare with, or nil.
func (c *rebuildCmd) old(ctx context.Context) (db *boltdb.DB, closes func(), err error) {
	if c.Compare == "" {
		return nil, func() {}, nil
	}
	dir, err := os.MkdirTemp(filepath.Dir(c.Data), "compare")
	if err != nil {
		return nil, nil, fmt.Errorf("make a copy to compare with: %w", err)
	}
	drop := func() { _ = os.RemoveAll(dir) }
	copied := filepath.Join(dir, "old.db")
	if err = extract(ctx, c.Compare, copied); err == nil {
		db, err = boltdb.Open(copied, boltdb.Options{Format: activitystore.Format})
	}
	if err != nil {
		drop()
		return nil, nil, err
	}
	return db, func() { _ = db.Close(); drop() }, nil
}

func (c *rebuildCmd) recountAll(ctx context.Context, out io.Writer, db, old *boltdb.DB) error {
	definitions, err := c.Activities.All(c.Topic)
	if err != nil {
		return err
	}
	stores := make([]*activitystore.Store, len(definitions))
	for i, def := range definitions {
		if stores[i], err = activitystore.Open(ctx, db, def, c.Store); err != nil {
			return err
		}
	}
	groups, err := activitystore.Together(ctx, stores...)
	for i := 0; err == nil && i < len(groups); i++ {
		err = c.recountTogether(ctx, out, groups[i], old)
	}
	return err
}

// recountTogether counts activities that can be counted together.
func (c *rebuildCmd) recountTogether(
	ctx context.Context, out io.Writer, stores activitystore.Stores, old *boltdb.DB,
) error {
	activities := stores.Definitions()
	logger := zerolog.New(os.Stderr).Level(zerolog.ErrorLevel).With().Timestamp().Logger()
	counted, err := rebuild.Offline(ctx, stores, c.Reading(activities...), c.Ingest, logger)
	noTopic := errors.Is(err, kafka.ErrNoTopic)
	if err != nil && !noTopic {
		return fmt.Errorf("count topic %s: %w", activities[0].Topic, err)
	}
	for i, def := range activities {
		if noTopic {
			err = write(out, fmt.Sprintf("%s: topic %s does not exist\n", def.Name, def.Topic))
		} else {
			err = c.report(ctx, out, def, counted[i], old, stores[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// report says what was counted of an activity, and how that compares.
func (c *rebuildCmd) report(ctx context.Context, out io.Writer, def activity.Definition, counted rebuild.Counted,
	old *boltdb.DB, store *activitystore.Store) error {
	text := fmt.Sprintf("%s: %s", def.Name, output.Count(counted.Events, "event"))
	if counted.Since.IsZero() {
		text += " from the beginning of topic " + def.Topic + "\n"
	} else {
		text += fmt.Sprintf("; topic %s has forgotten records from before %s: earlier days are partial\n", def.Topic,
			counted.Since.Format("2006-01-02T15:04:05Z07:00"))
	}
	if err := write(out, text); err != nil || old == nil {
		return err
	}
	return c.compare(ctx, out, def, old, store)
}

func (c *rebuildCmd) compare(
	ctx context.Context, out io.Writer, def activity.Definition, old *boltdb.DB, store *activitystore.Store,
) error {
	before, err := activitystore.Open(ctx, old, def, c.Store)
	if err != nil {
		return err
	}
	name := string(c.Zone)
	if c.TZ != "" {
		name = c.TZ
	}
	zone, err := activity.LoadZone(name)
	if err != nil {
		return err
	}
	found, more, err := rebuild.Compare(ctx, &def, before, store, zone, maxCompared)
	if err != nil {
		return err
	}
	var b strings.Builder
	for i := range found {
		d := &found[i]
		day := rebuildDay{Day: d.Date.String(), Figures: d.Figures, Partial: d.Forgotten,
			Live: figuresOf(&def, d.Live), Rebuilt: figuresOf(&def, d.Rebuilt)}
		b.WriteString(day.String())
	}
	switch {
	case more:
		b.WriteString("more days differ\n")
	case len(found) == 0:
		b.WriteString("no day differs from " + c.Compare + "\n")
	}
	return write(out, b.String())
}

// figuresOf returns the figures of a day as answers have them.
func figuresOf(def *activity.Definition, t *activity.Totals) map[string]json.RawMessage {
	figures := map[string]json.RawMessage{"count": json.RawMessage(fmt.Sprint(t.Count))}
	for i := range def.Measures {
		m := &def.Measures[i]
		figure := m.Kind.New().Render(m)
		if f := t.Figure(m.Name); f != nil {
			figure = f.Render(m)
		}
		text, err := json.Marshal(figure)
		if err != nil {
			continue
		}
		figures[m.Name] = text
	}
	return figures
}
