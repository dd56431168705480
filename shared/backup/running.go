package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/service/metric"
)

// Config has the settings of scheduled backups.
type Config struct {
	// Directory for a verified backup of the database file every --backup-every. It is for this service alone, and
	// needs room for the backups and for the whole database file. Without it there are no scheduled backups.
	Dir string `name:"dir" placeholder:"DIRECTORY"`
	// How often to make a backup in --backup-dir.
	Every time.Duration `name:"every" default:"24h" range:"1m.."`
	// How many backups of the file to keep in --backup-dir. Older ones are removed once a newer one is verified.
	Keep int `name:"keep" default:"7" range:"1..100000"`
}

// Running makes backups of a running service: on a schedule, and for those who ask. It makes one at a time. It is safe
// for concurrent use.
type Running struct {
	service  *Service
	db       *boltdb.DB
	config   Config
	logger   zerolog.Logger
	failures prometheus.Counter

	turn chan struct{} // has room for the one that is made
	end  context.CancelFunc
	ends context.Context //nolint:containedctx // ends all streams

	mu    sync.Mutex
	state ScheduledBackups
}

// ScheduledBackups says how the scheduled backups stand.
type ScheduledBackups struct {
	// Whether the service makes backups on a schedule.
	Scheduled bool `json:"scheduled"`
	// How many seconds are between two scheduled backups. Left out without a schedule.
	EverySeconds float64 `json:"every_seconds,omitzero"`
	// The name of the newest verified backup. Left out while there is none.
	// Example: order-20261127T225842Z.backup
	File string `json:"file,omitempty"`
	// The moment that it shows.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// When the last attempt failed. Left out after a success.
	FailedAt time.Time `json:"failed_at,omitzero"`
	// Why it failed.
	// Example: no space left on device
	Error string `json:"error,omitempty"`
}

// ErrBusy says that another backup is being made.
var ErrBusy = errors.New("another backup of this service is being made: wait until it has ended")

const (
	// retryAfter is how long after a failure the next attempt begins, unless the schedule is closer.
	retryAfter = 10 * time.Minute
	// reserve is how much of the disk scheduled backups leave to others, in bytes.
	reserve = 256 << 20
	// suffix of the names of scheduled backups.
	suffix   = ".backup"
	nameTime = "20060102T150405Z"
)

// NewRunning returns what makes backups of db. Its metrics have the service's name.
func NewRunning(
	service *Service, db *boltdb.DB, config Config, registry prometheus.Registerer, logger zerolog.Logger,
) *Running {
	r := &Running{service: service, db: db, config: config, logger: logger, turn: make(chan struct{}, 1)}
	r.ends, r.end = context.WithCancel(context.Background())
	name := service.Format.Service
	if r.state.Scheduled = config.Dir != ""; r.state.Scheduled {
		r.state.EverySeconds = config.Every.Seconds()
	}
	metric.GaugeOf(registry, name+"_backup_age_seconds",
		"Age of the newest scheduled backup that was verified; +Inf while there is none.", r.age)
	metric.GaugeOf(registry, name+"_backup_interval_seconds",
		"Time between two scheduled backups; 0 without a schedule.", func() float64 { return r.State().EverySeconds })
	r.failures = metric.Counter(registry, name+"_backup_failures_total",
		"Scheduled backups that could not be made or verified.")
	return r
}

// State returns how the scheduled backups stand.
func (r *Running) State() ScheduledBackups {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *Running) age() float64 {
	if at := r.State().VerifiedAt; !at.IsZero() {
		return time.Since(at).Seconds()
	}
	return math.Inf(1)
}

// Note is one line about the scheduled backups, or "" without a schedule.
func (r *Running) Note() string {
	switch s := r.State(); {
	case !s.Scheduled:
		return ""
	case s.Error != "":
		return "the last backup failed: " + s.Error
	case s.File == "":
		return "no backup yet"
	default:
		return "the newest backup is of " + s.VerifiedAt.Format(time.RFC3339)
	}
}

// Stream writes a backup to w, as [Service.Write] does. It does not verify it. While another one is made it is ErrBusy.
func (r *Running) Stream(ctx context.Context, w io.Writer) error {
	select {
	case r.turn <- struct{}{}:
	default:
		return ErrBusy
	}
	defer func() { <-r.turn }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ends, cancel)()
	_, err := r.service.Write(ctx, r.db, w)
	return err
}

// End ends all streams, and refuses new ones.
func (r *Running) End() { r.end() }

// Run makes the scheduled backups until ctx ends. A failure is logged and counted, and tried again. It never returns an
// error.
func (r *Running) Run(ctx context.Context) error {
	if r.config.Dir == "" {
		<-ctx.Done()
		return nil
	}
	if newest, found := r.newest(); found {
		r.verified(newest)
	}
	for wait := r.due(); pause(ctx, wait); {
		began := time.Now()
		saved, err := r.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end
		case err != nil:
			r.failed(err)
			wait = min(r.config.Every, retryAfter)
		default:
			r.logger.Info().Str("file", saved.name).Int64("bytes", saved.Size).
				Int("records", saved.Checked.Records).Dur("took", time.Since(began)).
				Msg("a backup was made and verified")
			wait = r.due()
		}
	}
	return nil
}

// due is how long it is until the next backup.
func (r *Running) due() time.Duration {
	at := r.State().VerifiedAt
	if at.IsZero() {
		return 0
	}
	return time.Until(at.Add(r.config.Every))
}

func (r *Running) failed(err error) {
	r.failures.Inc()
	r.logger.Error().Err(err).Msg("no backup was made")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.FailedAt, r.state.Error = time.Now().UTC(), err.Error()
}

func (r *Running) verified(k kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.File, r.state.VerifiedAt, r.state.FailedAt, r.state.Error = k.name, k.TakenAt, time.Time{}, ""
}

// scheduled is a backup that was made.
type scheduled struct {
	Saved
	name string
}

// once makes a backup and removes the oldest ones.
func (r *Running) once(ctx context.Context) (done scheduled, err error) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return done, ctx.Err()
	}
	defer func() { <-r.turn }()
	if err := r.room(); err != nil {
		return done, err
	}
	r.clean()
	done.name = r.prefix() + time.Now().UTC().Format(nameTime) + suffix
	pace := Pacer(ctx)
	done.Saved, err = r.service.Save(ctx, filepath.Join(r.config.Dir, done.name), pace, func(w io.Writer) error {
		_, err := r.service.Write(ctx, r.db, w)
		return err
	})
	if err != nil {
		return done, err
	}
	r.verified(kept{done.Manifest, done.name})
	return done, r.prune(done.Identity)
}

// room refuses to begin where the disk would become full. That the backup is not larger than half the file is assumed.
func (r *Running) room() error {
	size, err := r.db.Size()
	if err != nil {
		return err
	}
	free, err := diskFree(r.config.Dir)
	if err != nil {
		return fmt.Errorf("backup-dir %s: %w", r.config.Dir, err)
	}
	if need := size.Bytes + size.Bytes/2 + reserve; free < need {
		return fmt.Errorf("backup-dir %s: no space left on the disk: %d bytes are free, a backup may need %d: free "+
			"some "+
			"or name another directory", r.config.Dir, free, need)
	}
	return nil
}

func (r *Running) prefix() string { return r.service.Format.Service + "-" }

// clean removes what an earlier process left unfinished.
func (r *Running) clean() {
	entries, _ := os.ReadDir(r.config.Dir) // making the backup says what is wrong
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(strings.TrimLeft(name, "."), r.prefix()) && name[0] == '.' &&
			strings.Contains(name, suffix+partial) {
			_ = os.RemoveAll(filepath.Join(r.config.Dir, name)) // it will be tried again
		}
	}
}

// kept is a backup in the directory.
type kept struct {
	Manifest
	name string
}

// list returns the backups in the directory that the schedule made, the oldest first. One that cannot be read is left
// out, and logged.
func (r *Running) list() (found []kept) {
	entries, _ := os.ReadDir(r.config.Dir) // making the next backup says what is wrong
	for _, e := range entries {
		at, isOurs := strings.CutPrefix(strings.TrimSuffix(e.Name(), suffix), r.prefix())
		if _, err := time.Parse(nameTime, at); !isOurs || err != nil || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		m, err := ReadManifest(filepath.Join(r.config.Dir, e.Name()))
		if err != nil || m.Service != r.service.Format.Service {
			r.logger.Warn().Err(err).Str("file",
				e.Name()).Msg("this is no sound backup of the service; it is left alone")
			continue
		}
		found = append(found, kept{m, e.Name()})
	}
	slices.SortStableFunc(found, func(a, b kept) int { return a.TakenAt.Compare(b.TakenAt) })
	return found
}

func (r *Running) newest() (kept, bool) {
	found := r.list()
	if len(found) == 0 {
		return kept{}, false
	}
	return found[len(found)-1], true
}

// prune removes the oldest backups with that identity. The newest one was just verified.
func (r *Running) prune(identity string) error {
	found := slices.DeleteFunc(r.list(), func(k kept) bool { return k.Identity != identity })
	for i := range len(found) - r.config.Keep {
		if err := os.Remove(filepath.Join(r.config.Dir, found[i].name)); err != nil {
			return fmt.Errorf("remove an old backup: %w", err)
		}
		r.logger.Info().Str("file", found[i].name).Msg("an old backup was removed")
	}
	return nil
}

const (
	// paceStep is how long verification works before it rests, and paceRest how many times as long it rests.
	paceStep = 250 * time.Microsecond
	paceRest = 7
)

// Pacer returns a function that takes an eighth of one processor, for [Service.Save] beside a running service.
func Pacer(ctx context.Context) func() {
	last, calls := time.Now(), 0
	return func() {
		if calls++; calls%2 > 0 {
			return
		}
		if worked := time.Since(last); worked > paceStep {
			pause(ctx, paceRest*worked)
			last = time.Now()
		}
	}
}

// pause waits. It reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
