// Package admission decides whether a placement may begin. A service that takes in more than it can store answers
// everybody late; one that refuses the excess at once, before anything is written, answers those it admits in time.
package admission

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"ordertally/shared/service/fairshare"
	"ordertally/shared/service/metric"
	"ordertally/shared/settings"
)

// Config of a Gate. The tags make it flags. A zero Latency and FreeDisk have their defaults.
type Config struct {
	// Latency is how long storing an order should take at most, on average. While it takes longer, only as many
	// placements are admitted as can be stored in that time. It is never less than three times what the disk takes for
	// a commit. Default 15 ms.
	Latency time.Duration `name:"latency" default:"15ms" range:"1ms..1m" help:"How long storing an order should take at most: while it takes longer, and longer than three commits of the disk, excess placements get a 503."`
	// FreeDisk is how many bytes must be free on the disk. Default 16 MiB; -1 for no limit.
	FreeDisk int64 `name:"free-disk" default:"16777216" range:"-1, 1.." unit:"bytes" help:"Bytes that must be free on the disk, or placements get a 503; --admission-free-disk=-1 for no limit."`
	// BacklogAge is how long the oldest unpublished message may have waited. Default 0, no limit: orders are accepted
	// while Kafka is away.
	BacklogAge time.Duration `name:"backlog-age" range:"0s.." help:"How long the oldest unpublished message may have waited, or placements get a 503; 0 for no limit."`
}

// Sources say how the service is. The last two are asked once a second and may take a while.
type Sources struct {
	Committing func() time.Duration  // for how long the commit under way has been; asked often, at once
	SyncTime   func() time.Duration  // what the disk takes for a commit
	DiskFree   func() (int64, error) // bytes
	BacklogAge func() time.Duration  // of the oldest unpublished message
}

// What a Gate allows besides its Config. Placements count by weight: one, and one more for each full 8 KiB of the body.
const (
	// minLimit is how many placements are admitted at once however slow they are: they share one commit.
	minLimit = 256
	// maxLimit is how many are admitted at once however fast they are, and initialLimit is how many when nothing is
	// known of how fast they are.
	maxLimit     = 4096
	initialLimit = 512
	// minPlacements are admitted whatever they weigh.
	minPlacements = 16
	// syncs is how many commits of the disk a placement may take, whatever Latency is: the one under way, its own, and
	// as much again for everything else. Fewer at once would not be stored sooner, they would only share the disk's
	// time with fewer others.
	syncs = 3
	// stall is how long a commit may take, if Latency is not more, before nothing more is admitted.
	stall = 2 * time.Second
	// window is how often the limit is set.
	window = 100 * time.Millisecond
	// look is how often the disk and the backlog are looked at.
	look = time.Second
	// largeBody is the size above which a body must find room among the large ones. largeBodies bounds their sum, in
	// bytes, and largeBodiesShare those of one client. So whoever sends large bodies slowly keeps out large ones only,
	// and of others only once several do it.
	largeBody                     = 64 << 10
	largeBodies, largeBodiesShare = 64 << 20, 16 << 20
)

// Gate admits placements. It is safe for concurrent use.
type Gate struct {
	config  Config
	sources Sources
	logger  zerolog.Logger
	refused *prometheus.CounterVec

	refusals *rate.Limiter   // for overload
	bodies   *fairshare.Room // for large ones

	limit    atomic.Int64
	arriving arriving
	orders   atomic.Int64            // inside
	inside   atomic.Int64            // their weight
	peak     atomic.Int64            // most that was inside since the limit was set last, about
	coming   atomic.Int64            // most that was inside or on its way in since then, in placements
	done     atomic.Int64            // weight of those stored since the limit was set last
	spent    atomic.Int64            // nanoseconds, by those, times their weight
	standing atomic.Pointer[Refusal] // of disk or backlog; nil for none
	full     atomic.Bool             // the disk has less room than it must
}

// New returns a Gate that follows its sources while Run runs. order_admission_limit and
// order_admission_refused_total{reason} are registered with reg.
func New(config Config, sources Sources, reg prometheus.Registerer, logger zerolog.Logger) *Gate {
	settings.Fill(&config)
	g := &Gate{
		config: config, sources: sources, logger: logger,
		refused: metric.Counters(reg, "order_admission_refused_total",
			"Placements refused before anything was written, by reason.", "reason", Reasons()),
	}
	g.limit.Store(initialLimit)
	g.arriving.next()
	g.refusals = rate.NewLimiter(minRefusals, minRefusals)
	g.bodies = fairshare.New(largeBodies, largeBodiesShare)
	metric.GaugeOf(reg, "order_admission_limit",
		"Placements that are admitted at once; one of 8 KiB or more counts as several.", g.limit.Load)
	return g
}

// Unlimited returns a Gate that looks at nothing but how many are inside.
func Unlimited() *Gate {
	never := func() time.Duration { return 0 }
	none := Sources{Committing: never, SyncTime: never}
	return New(Config{}, none, prometheus.NewRegistry(), zerolog.Nop())
}

// Run sets the limit, and looks at the disk and the backlog, until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	limit, looking := time.NewTicker(window), time.NewTicker(look)
	defer limit.Stop()
	defer looking.Stop()
	g.look()
	last := time.Now()
	for {
		select {
		case now := <-limit.C:
			g.adjust(now.Sub(last))
			last = now
		case <-looking.C:
			g.look()
		case <-ctx.Done():
			return nil
		}
	}
}

// CheckDisk fails while orders are refused because the disk is nearly full.
func (g *Gate) CheckDisk(context.Context) error {
	if !g.full.Load() {
		return nil
	}
	return fmt.Errorf(
		"less than %d bytes of the disk are free, so orders are refused until there is room again (the limit is "+
			"admission-free-disk)",
		g.config.FreeDisk,
	)
}

// adjust sets the limit by Little's law: as many may be inside as are stored in the time that storing one should take.
// While that time is kept, a limit that is used grows, so that it is no limit to a service that keeps up; one that is
// not used goes back to where it began, so that the first moment of a flood does not let it all in.
func (g *Gate) adjust(elapsed time.Duration) {
	g.arriving.next()
	done, spent := g.done.Swap(0), g.spent.Swap(0)
	// What is on its way in uses the limit as far as it is stored: headers alone raise nothing.
	peak := max(g.peak.Swap(0), min(g.coming.Swap(0), 2*done))
	if elapsed <= 0 {
		return
	}
	stored := float64(done) / elapsed.Seconds()
	g.refusals.SetLimit(rate.Limit(max(stored, minRefusals)))
	limit := g.limit.Load()
	var mean time.Duration
	if done > 0 {
		mean = time.Duration(spent / done)
	}
	allowed := max(g.config.Latency, syncs*g.sources.SyncTime())
	switch {
	case mean > allowed:
		limit = int64(stored * allowed.Seconds())
	case mean >= allowed*8/10:
	case peak > limit/2 || limit < initialLimit:
		limit += limit/8 + 1
	case limit > initialLimit:
		limit = max(limit-limit/8, initialLimit)
	}
	g.limit.Store(min(max(limit, minLimit), maxLimit))
}

// look asks the sources that take a while.
func (g *Gate) look() {
	var found, full *Refusal
	if g.sources.BacklogAge != nil && g.config.BacklogAge > 0 {
		if age := g.sources.BacklogAge(); age > g.config.BacklogAge {
			found = &Refusal{Reason: Backlog, RetryAfter: retryLate, detail: fmt.Sprintf(
				"Orders are not published for %v, and no more are taken until they are.", age.Round(time.Second))}
		}
	}
	if g.sources.DiskFree != nil && g.config.FreeDisk > 0 {
		free, err := g.sources.DiskFree()
		if err != nil {
			g.logger.Error().Err(err).Msg("how much of the disk is free is not known")
		} else if free < g.config.FreeDisk {
			full = &Refusal{Reason: Disk, RetryAfter: retryLate, detail: "The service's disk is nearly full."}
			found = full
		}
	}
	g.full.Store(full != nil)
	before := g.standing.Swap(found)
	switch {
	case found != nil && (before == nil || before.Reason != found.Reason):
		g.logger.Error().Str("reason", string(found.Reason)).Msg("no more orders are taken: " + found.detail)
	case found == nil && before != nil:
		g.logger.Info().Msg("orders are taken again")
	}
}
