package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ordertally/order/orderstore"
	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
)

// Config says what to restore, and from where.
type Config struct {
	Data string // the new file
	Base string // a file or a backup to begin with; "" for none
	// FromTopic reads the topic. Without it the base is all there is.
	FromTopic bool
	Lineage   string // "" for the base's, or the only one in the topic
	// DryRun makes the same report, leaves no file and fences nobody.
	DryRun bool

	Publisher kafka.PublisherConfig // how to reach the topic
	// KeyRetention is how long an idempotency key is known. Older ones are left out.
	KeyRetention time.Duration
	// OutboxRetention is how long messages are kept for being published again.
	OutboxRetention time.Duration

	Logger zerolog.Logger
	// Progress, if set, is told in a line what is going on.
	Progress func(line string)
}

// restoring is one run.
type restoring struct {
	Config
	file   *boltdb.Building
	reader *kafka.SnapshotReader
	report *Report

	base       uint64 // the last slot of the base
	takeover   *recovery.Takeover
	claimed    bool // the epoch is announced
	first      uint64
	watermark  uint64
	limit      uint64 // no slot of the lineage is larger; 0 if that is not known
	absorption *outbox.Absorption
	absorber   *orderstore.Absorber
	lineages   map[string]*Lineage
	waiting    string     // what reading waits for, as it was told last
	refusing   sync.Mutex // guards the report's list of refused records while reading
}

// Run makes the file. The errors to tell apart are os.ErrExist, kafka.ErrNoTopic and *LineagesError.
func Run(ctx context.Context, config Config) (*Report, error) {
	if config.Progress == nil {
		config.Progress = func(string) {}
	}
	r := &restoring{Config: config, report: &Report{Topic: config.Publisher.Topic}, lineages: map[string]*Lineage{}}
	if err := r.run(ctx); err != nil {
		return nil, fmt.Errorf("restore %s: %w", config.Data, err)
	}
	return r.report, nil
}

func (r *restoring) run(ctx context.Context) (err error) {
	if !r.FromTopic && r.Base == "" {
		return errors.New("neither a base nor the topic is given")
	}
	if r.FromTopic {
		r.reader, err = kafka.OpenSnapshot(ctx, kafka.ConsumerConfig{
			Brokers: r.Publisher.Brokers, Security: r.Publisher.Security, Topic: r.Publisher.Topic,
			GroupID: kafka.SnapshotGroup(r.Publisher.Topic),
		}, r.Logger)
		if err != nil {
			return err
		}
		defer r.reader.Close()
	}
	if r.file, err = boltdb.Build(r.Data, boltdb.Options{Format: orderstore.Format}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.file.Discard()) }()
	if r.Base != "" {
		if err := r.copyBase(ctx); err != nil {
			return err
		}
	}
	if r.FromTopic {
		if err := r.absorb(ctx); err != nil {
			return err
		}
	}
	if r.Base != "" && len(r.report.Base.Faults) > 0 {
		if err := orderstore.Reindex(ctx, r.file.DB, time.Now().Add(-r.KeyRetention)); err != nil {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	return r.file.Finish()
}

// copyBase copies what can be read of the base.
func (r *restoring) copyBase(ctx context.Context) error {
	r.Progress("copying " + r.Base)
	from, drop, err := r.unpackBase(ctx)
	if err != nil {
		return err
	}
	copied, err := r.file.CopyReadable(ctx, from, orderstore.Check)
	if errors.Is(err, boltdb.ErrDamaged) {
		err = fmt.Errorf("nothing in the base %s can be read: give another base, or leave it out and read the topic: "+
			"%w",
			r.Base, err)
	}
	if err = errors.Join(err, drop()); err != nil {
		return err
	}
	unindexed, err := orderstore.Unindexed(ctx, r.file.DB)
	if err != nil {
		return err
	}
	if unindexed {
		copied.Faults = append(copied.Faults, "it has no indexes")
	}
	r.report.Base = &Base{Records: copied.Records, Faults: copied.Faults, More: copied.More}
	if len(copied.Faults) > 0 {
		r.Progress(fmt.Sprintf("the base is damaged: parts that cannot be read: %d",
			len(copied.Faults)+copied.More))
		if r.report.Base.Mended, err = orderstore.Mend(ctx, r.file.DB); err != nil {
			return err
		}
	}
	state, err := orderstore.StateOf(ctx, r.file.DB)
	if err != nil {
		return err
	}
	if r.Lineage == "" {
		r.Lineage = state.Lineage
	}
	if state.Lineage != "" && state.Lineage != r.Lineage {
		return fmt.Errorf("the base %s has lineage %s, not %s", r.Base, state.Lineage, r.Lineage)
	}
	r.base, r.report.Base.Orders, r.report.Lineage = state.LastSlot, state.Orders, state.Lineage
	return nil
}

// unpackBase returns the database file of the base. A backup is unpacked beside the new file, until drop is called.
func (r *restoring) unpackBase(ctx context.Context) (path string, drop func() error, err error) {
	_, err = backup.ReadManifest(r.Base)
	if errors.Is(err, backup.ErrNoBackup) {
		return r.Base, func() error { return nil }, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("read the base: %w", err)
	}
	unpacked := r.Data + unpackedSuffix
	if err := os.Remove(unpacked); err != nil && !errors.Is(err, os.ErrNotExist) { // of a restore that was killed
		return "", nil, err
	}
	_, err = backup.Extract(ctx, r.Base, unpacked)
	return unpacked, func() error { return os.Remove(unpacked) }, err
}

// unpackedSuffix is the suffix of an unpacked backup.
const unpackedSuffix = ".base"

// absorb builds the file out of the topic (rule P13).
func (r *restoring) absorb(ctx context.Context) error {
	if r.Lineage == "" {
		if err := r.findLineage(ctx); err != nil {
			return err
		}
	}
	if err := r.fence(ctx); err != nil {
		return err
	}
	if err := r.read(ctx, r.waits); err != nil {
		return err
	}
	if r.absorption == nil && r.Base != "" {
		if err := r.start(ctx, r.Lineage); err != nil {
			return err
		}
	}
	if r.absorption == nil {
		return fmt.Errorf("topic %s has no orders of lineage %s%s", r.Publisher.Topic, r.Lineage, r.listed())
	}
	return r.complete(ctx)
}

// findLineage takes the lineage of all records, and absorbs them. It does not wait for open transactions: the one that
// the lost service left open ends with the fence. The error is a *LineagesError.
func (r *restoring) findLineage(ctx context.Context) error {
	if err := r.read(ctx, nil); err != nil {
		return err
	}
	if len(r.lineages) == 0 {
		if err := r.read(ctx, r.waits); err != nil {
			return err
		}
	}
	if len(r.lineages) == 0 {
		return fmt.Errorf("topic %s has no orders", r.Publisher.Topic)
	}
	if len(r.lineages) > 1 {
		return &LineagesError{Lineages: r.sortedLineages()}
	}
	for name := range r.lineages {
		r.Lineage = name
	}
	return nil
}

// fenceTries is how often the lineage is claimed anew when whoever publishes under it was faster.
const fenceTries = 10

// fence makes sure that nobody publishes under the lineage any more, and learns up to where it published. The epoch of
// the new file stands with the watermark from now on. So the service that published before finds itself fenced for
// good.
func (r *restoring) fence(ctx context.Context) error {
	r.report.Lineage = r.Lineage
	if r.DryRun {
		watermark, known, err := r.reader.Watermark(ctx, r.Lineage)
		if err != nil {
			return err
		}
		return r.begin(ctx, watermark, known)
	}
	r.Progress("fencing whoever publishes under lineage " + r.Lineage)
	for try := 1; ; try++ {
		err := r.claim(ctx)
		var outage *outbox.OutageError
		if err == nil || try == fenceTries || !errors.As(err, &outage) || outage.Class != outbox.Fenced {
			return err
		}
	}
}

// claim opens a session, which fences all others, and announces the new epoch.
func (r *restoring) claim(ctx context.Context) error {
	publisher, err := kafka.NewPublisher(r.Publisher, r.Logger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	session, err := publisher.Open(ctx, outbox.Identity{Lineage: r.Lineage})
	if err != nil {
		return err
	}
	defer session.Close()
	if !r.claimed {
		watermark, known := session.Watermark()
		if err := r.begin(ctx, watermark, known); err != nil || !known {
			return err
		}
	}
	_, err = session.Publish(ctx, nil, outbox.Watermark{Slot: r.watermark, Note: r.takeover.Note(r.watermark)})
	if err != nil {
		return fmt.Errorf("claim lineage %s: %w", r.Lineage, err)
	}
	r.claimed = true
	return nil
}

// claimTimeout bounds one attempt to claim the lineage.
const claimTimeout = 30 * time.Second

// begin learns what the lineage published, and begins an epoch after it.
func (r *restoring) begin(ctx context.Context, watermark outbox.Watermark, known bool) (err error) {
	var common uint64
	r.takeover, common, err = recovery.NewTakeover(ctx, r.file.DB, r.base, watermark, known)
	if err != nil {
		return err
	}
	if common < r.base {
		return fmt.Errorf("the base gave the slots from %d to %d to orders that the topic does not have, because "+
			"another service went on with lineage %s: hand them over first (order handover)", common+1, r.base,
			r.Lineage)
	}
	if known {
		r.watermark, r.limit = watermark.Slot, watermark.Slot+beyondWatermark
		if r.absorption != nil && r.absorption.Newest() > r.limit {
			return fmt.Errorf("topic %s has a record with slot %d, far beyond those that lineage %s published, up to "+
				"%d: "+
				"it was forged; name the lineage (--lineage %[3]s), then such records are passed over",
				r.Publisher.Topic, r.absorption.Newest(), r.Lineage, watermark.Slot)
		}
	}
	if tail := r.takeover.Tail(); tail > max(r.watermark, r.base) {
		r.report.Unpublished = tail - max(r.watermark, r.base)
	}
	r.first = max(r.watermark, common) + 1
	r.takeover.Begin(r.first)
	return nil
}

// beyondWatermark is how far slots may be beyond the watermark. Without transactions it is set after the messages.
const beyondWatermark = 1 << 20

// complete finishes the file after everything was read.
func (r *restoring) complete(ctx context.Context) error {
	orphans, err := r.absorber.Finish(ctx)
	if err != nil {
		return err
	}
	r.watermark = max(r.watermark, r.absorption.Newest())
	first := max(r.watermark, r.base) + 1
	done, err := r.absorption.Finish(ctx, r.file.DB, outbox.LogEnd{
		Watermark: r.watermark, Last: first - 1, Starts: r.reader.Starts(),
	})
	if err != nil {
		return err
	}
	if first != r.first || !r.claimed { // the watermark was behind, or there was none
		r.first, r.claimed = first, true
		r.takeover.SetFirst(first)
		if !r.DryRun {
			if err := r.claim(ctx); err != nil {
				return err
			}
		}
	}
	if err := r.takeover.Store(ctx, r.file.DB, r.reader.TopicID(), r.absorption.Ends()); err != nil {
		return err
	}
	count := r.absorber.Count()
	r.report.Absorbed, r.report.Slots, r.report.Orphans = count, done, orphans
	r.report.Watermark, r.report.First, r.report.Newest = r.watermark, r.first, r.absorption.Newest()
	r.report.Lineages = r.sortedLineages()
	return nil
}
