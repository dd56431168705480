// Package admission decides whether a placement may begin. A service that accepts more than it can store answers
// everybody late. One that refuses the excess before anything is written answers the rest in time.
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

// Config configures a Gate. A zero field has its default.
type Config struct {
	// The longest that storing an order should take on average. While it takes longer, and longer than three commits of
	// the disk, excess placements get a 503.
	//
	// Then the gate admits only as many placements at once as are stored in that time. A value below three commits of
	// the disk counts as three commits.
	Latency time.Duration `name:"latency" default:"15ms" range:"1ms..1m"`
	// Placements get a 503 while fewer bytes of the disk are free; --admission-free-disk=-1 for no limit.
	FreeDisk int64 `name:"free-disk" default:"16777216" range:"-1, 1.." unit:"bytes"`
	// Placements get a 503 while the oldest unpublished message has waited longer; 0 for no limit.
	//
	// Without a limit, orders are accepted however long Kafka is unreachable.
	BacklogAge time.Duration `name:"backlog-age" range:"0s.."`
}

// Sources report how the service is doing. DiskFree and BacklogAge are called once a second and may be slow.
type Sources struct {
	Committing func() time.Duration  // how long the running commit has taken so far; called for every placement
	SyncTime   func() time.Duration  // how long the disk takes for a commit
	DiskFree   func() (int64, error) // in bytes
	BacklogAge func() time.Duration  // of the oldest unpublished message
}

// These limits are not settings. A placement weighs one, plus one for each full 8 KiB of its body.
const (
	// minLimit is the lowest limit. This many placements share one commit anyway.
	minLimit = 256
	// maxLimit is the highest limit. initialLimit applies until the gate knows how fast the service is.
	maxLimit     = 4096
	initialLimit = 512
	// minPlacements are admitted whatever they weigh.
	minPlacements = 16
	// syncs is the number of disk commits that a placement may take, whatever Latency says: the running one, its own,
	// and one for everything else. On a slow disk, a lower limit does not store anything sooner. It only puts fewer
	// orders into each commit.
	syncs = 3
	// stall is how long a commit may take. While one takes longer than this and longer than Latency, nothing is
	// admitted.
	stall = 2 * time.Second
	// window is the interval at which the limit is adjusted.
	window = 100 * time.Millisecond
	// look is the interval at which the disk and the backlog are checked.
	look = time.Second
	// A body larger than largeBody needs room. All large bodies share largeBodies bytes, and one client may have
	// largeBodiesShare of them. So a client that sends large bodies slowly never blocks small ones. It takes several
	// such clients to block other large ones.
	largeBody                     = 64 << 10
	largeBodies, largeBodiesShare = 64 << 20, 16 << 20
)

// Gate admits placements. It is safe for concurrent use.
type Gate struct {
	config  Config
	sources Sources
	logger  zerolog.Logger
	refused *prometheus.CounterVec

	lines    lines           // of batches
	refusals *rate.Limiter   // paces refusals for overload
	bodies   *fairshare.Room // for large bodies

	limit    atomic.Int64
	arriving arriving
	orders   atomic.Int64            // placements inside
	inside   atomic.Int64            // their weight
	standing atomic.Pointer[Refusal] // while the disk is full or the backlog too old; else nil
	full     atomic.Bool             // less than FreeDisk is free

	// Since the limit was last set:
	peak   atomic.Int64 // highest weight inside, approximately
	coming atomic.Int64 // most placements inside or arriving
	done   atomic.Int64 // weight of the placements that ended
	spent  atomic.Int64 // nanoseconds that they took, times their weight
}

// New returns a Gate. The gate follows its sources while Run runs. New registers order_admission_limit and
// order_admission_refused_total{reason} with reg.
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
		"Placements that may run at once; one of 8 KiB or more counts as several.", g.limit.Load)
	return g
}

// Unlimited returns a Gate for tests and tools. It has no sources, and its limit stays at the initial one.
func Unlimited() *Gate {
	never := func() time.Duration { return 0 }
	none := Sources{Committing: never, SyncTime: never}
	return New(Config{}, none, prometheus.NewRegistry(), zerolog.Nop())
}

// Run adjusts the limit and checks the disk and the backlog until ctx ends.
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

// CheckDisk is a health check. It fails while orders are refused because the disk is nearly full.
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

// adjust sets the limit by Little's law: the number of placements stored in the time that one may take.
//
// While storing is fast enough, a limit that is reached grows, so it never slows down a service that keeps up. An
// unused limit returns to the initial one. Otherwise the start of a flood would all be let in.
func (g *Gate) adjust(elapsed time.Duration) {
	g.arriving.next()
	done, spent := g.done.Swap(0), g.spent.Swap(0)
	// Arriving placements count too, up to twice the number stored. Headers alone must not raise the limit.
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
	g.lines.admit(g)
}

// look checks the disk and the backlog.
func (g *Gate) look() {
	var found, full *Refusal
	if g.sources.BacklogAge != nil && g.config.BacklogAge > 0 {
		if age := g.sources.BacklogAge(); age > g.config.BacklogAge {
			found = &Refusal{Reason: Backlog, RetryAfter: retryLate, detail: fmt.Sprintf(
				"The oldest unpublished order has waited for %v. No more orders are taken until it is published.",
				age.Round(time.Second))}
		}
	}
	if g.sources.DiskFree != nil && g.config.FreeDisk > 0 {
		free, err := g.sources.DiskFree()
		if err != nil {
			g.logger.Error().Err(err).Msg("cannot tell how much of the disk is free")
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
