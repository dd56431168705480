package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/metric"
)

// Parts are the background parts of a service. A part that panics is restarted and counted. If that repeats, it is not
// live.
type Parts struct {
	group  *lifecycle.Group
	health *Health
	panics *prometheus.CounterVec
	logger zerolog.Logger
}

// NewParts returns the parts that group will run. It registers background_panics_total{part} with reg, and panics if
// that is registered already.
func NewParts(group *lifecycle.Group, health *Health, reg prometheus.Registerer, logger zerolog.Logger) *Parts {
	panics := metric.Counters[string](reg, "background_panics_total",
		"Panics of background parts, after each of which the part was started again.", "part", nil)
	return &Parts{group: group, health: health, panics: panics, logger: logger}
}

// Go starts a part. The part must be able to start again after a panic. check, if not nil, tells whether the part makes
// progress.
func (p *Parts) Go(name string, run func(context.Context) error, check Check) {
	panics := p.panics.WithLabelValues(name)
	restarter := lifecycle.NewRestarter(run, func(cause *lifecycle.PanicError, wait time.Duration) {
		panics.Inc()
		p.logger.Error().Str("part", name).Str("panic", fmt.Sprint(cause.Value)).Str("stack",
			string(cause.Stack)).Dur("restart_in", wait).
			Msg("a background part panicked: it is started again")
	})
	p.health.Register(name, func(ctx context.Context) error {
		if err := restarter.Check(ctx); err != nil || check == nil {
			return err
		}
		return check(ctx)
	}, Live)
	p.group.Go(name, restarter.Run)
}
