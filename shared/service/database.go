package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
)

// openDatabase opens a service's file, which must have that format. It registers the file's metrics under the service's
// name. It logs any damage. A new file is worth a warning, unless mayBeNew says otherwise. check checks one record of a
// file that was copied here.
func openDatabase(
	path string,
	format boltdb.Format,
	check boltdb.Checker,
	registry prometheus.Registerer,
	logger zerolog.Logger,
	mayBeNew bool,
) (*boltdb.DB, error) {
	commits := boltdb.NewMetrics(registry, format.Service)
	db, err := boltdb.Open(path, boltdb.Options{
		Format: format,
		Check:  check,
		OnCopied: func() {
			logger.Info().Str("data", path).Msg("the database file was copied here: it is checked before it is used")
		},
		OnCommit:   commits.Observe,
		OnIncident: func(err error) { logger.Error().Err(err).Str("data", path).Msg("the database file is damaged") },
	})
	if errors.Is(err, boltdb.ErrDamaged) || errors.Is(err, boltdb.ErrTruncated) {
		return nil, fmt.Errorf("%w; if it is a copy of a file in use: copy that with `%s backup FILE`, not with cp",
			err,
			format.Service)
	}
	if err != nil {
		return nil, err
	}
	commits.Watch(db)
	if db.Created() && !mayBeNew {
		logger.Warn().
			Str("data", path).
			Msg("the database file is new and empty; if it should have data, stop the service and name the right " +
				"file with --data")
	}
	return db, nil
}

// watchDatabase registers the health checks of the file and adds its scrub. check checks one record.
func watchDatabase(
	db *boltdb.DB,
	check boltdb.Checker,
	every time.Duration,
	health *telemetry.Health,
	parts *telemetry.Parts,
	logger zerolog.Logger,
) {
	health.Register("database", db.Check, telemetry.Live|telemetry.Ready)
	health.Register("disk", db.CheckWritable, telemetry.Ready)
	health.Register("records", db.CheckSound, telemetry.Ready)
	scrub := boltdb.NewScrub(db, check, every, func(done boltdb.Scrubbed) {
		level := zerolog.InfoLevel
		if done.Faults > 0 {
			level = zerolog.ErrorLevel
		}
		logger.WithLevel(level).
			Int("records", done.Records).
			Int("damaged", done.Faults).
			Dur("took", done.Took).
			Msg("the database file was scrubbed")
	})
	parts.Go("scrub", scrub.Run, scrub.Watchdog().Check("scrub", lifecycle.StallAfter))
	parts.Go("disk probe", func(ctx context.Context) error { return db.Probe(ctx) }, nil)
}
