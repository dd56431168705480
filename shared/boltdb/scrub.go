package boltdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/service/lifecycle"
)

// Scrub checks the whole of an open file again and again, in small steps, and notes damage: see Incidents.
//
// Each step is one read transaction of about scrubStep, so it holds back freed pages no longer than that. After a step
// it rests scrubRest times as long, so it takes at most a twentieth of one core. A step checks what CheckFile checks. A
// page that is used twice shows up as keys that belong elsewhere.
type Scrub struct {
	db       *DB
	check    Checker
	every    time.Duration
	done     func(Scrubbed)
	watchdog lifecycle.Watchdog
}

// Scrubbed is the result of one whole scrub.
type Scrubbed struct {
	Records int
	Faults  int
	Took    time.Duration
}

const (
	scrubStep = 5 * time.Millisecond
	scrubRest = 19
	// scrubPages bounds the pages that a step reads, in case the disk is fast.
	scrubPages = 512
)

// NewScrub returns a scrub of db that starts once every interval. The first one starts when Run does. done, if not nil,
// is called after each scrub.
func NewScrub(db *DB, check Checker, every time.Duration, done func(Scrubbed)) *Scrub {
	return &Scrub{db: db, check: check, every: every, done: done}
}

// Run scrubs until ctx ends. An interval of 0 or less means never.
func (s *Scrub) Run(ctx context.Context) error {
	if s.every <= 0 {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		began := time.Now()
		found, err := s.Once(ctx)
		switch {
		case err != nil:
			return nil //nolint:nilerr // the database has failed and says so itself, or ctx has ended
		case s.done != nil:
			s.done(found)
		}
		if !pause(ctx, s.every-time.Since(began)) {
			return nil
		}
	}
	return nil
}

// Watchdog returns the watchdog of Run.
func (s *Scrub) Watchdog() *lifecycle.Watchdog { return &s.watchdog }

// Once scrubs the file once. An error means that part of the file was not checked.
func (s *Scrub) Once(ctx context.Context) (Scrubbed, error) {
	began := time.Now()
	step := &scrubbing{Scrub: s, faults: map[string]bool{}}
	defer s.watchdog.Rest()
	for more := true; more; {
		s.watchdog.Step()
		stepBegan := time.Now()
		err := s.db.View(ctx, func(tx *bbolt.Tx) (err error) { more, err = step.run(ctx, tx); return err })
		if err != nil {
			return Scrubbed{}, err
		}
		s.watchdog.Rest()
		if !pause(ctx, scrubRest*time.Since(stepBegan)) {
			return Scrubbed{}, ctx.Err()
		}
	}
	s.db.forget(began)
	return Scrubbed{Records: step.records, Faults: len(step.faults), Took: time.Since(began)}, nil
}

// scrubbing is one scrub.
type scrubbing struct {
	*Scrub
	after   [][]byte // the last record checked before this step
	last    [][]byte // and the last one of this step
	state   any      // of the Checker
	known   *lookups
	records int
	faults  map[string]bool
}

func (s *scrubbing) run(ctx context.Context, tx *bbolt.Tx) (more bool, err error) {
	began := time.Now()
	size := s.db.pageSize
	p := pages{file: s.db.file, size: size, high: uint64(tx.Size() / size)} //nolint:gosec // not negative
	if s.after == nil {
		s.meta(ctx)
	}
	free := s.free(&p, uint64(tx.ID())) //nolint:gosec // not negative
	looked, visited := uint64(0), 0
	w := walk{
		pages: p,
		claim: func(id, count uint64) error {
			looked += count
			for i := range count {
				if free != nil && free.has(id+i) {
					return pageError(id+i, "it is in use, and in the list of free pages")
				}
			}
			return nil
		},
		fault: func(path [][]byte, err error) { s.fault(fmt.Errorf("%s%w", pathText(path), err)) },
		visit: func(r *Record) error {
			if looked >= scrubPages && visited > 0 || visited%16 == 15 && time.Since(began) > scrubStep {
				return errPause
			}
			s.records++
			visited++
			s.last = setPosition(s.last, r)
			r.Tx = tx
			if err := s.safely(r); err != nil {
				s.fault(errors.New(r.fault(err)))
			}
			return nil
		},
	}
	err = w.run(uint64(tx.Cursor().Bucket().Root()), s.after)
	if errors.Is(err, errPause) {
		s.after, s.last = s.last, s.after
		return true, ctx.Err()
	}
	if whole := s.safely(&Record{Tx: tx}); whole != nil {
		s.fault(whole)
	}
	return false, ctx.Err()
}

// safely checks a record. What it looks up may be on a damaged page.
func (s *scrubbing) safely(r *Record) error {
	r.State, r.lookups = &s.state, s.known
	err := safely(s.db.path, "scrubbing", func() error { return s.check.all(r) })
	s.known = r.lookups
	return err
}

// meta checks both meta pages. One may be written at this moment, so only a lasting fault counts.
func (s *scrubbing) meta(ctx context.Context) {
	var err error
	for range 3 {
		if err = checkMetas(s.db.file, readMetas(s.db.file)); err == nil {
			return
		}
		pause(ctx, scrubStep)
	}
	s.fault(err)
}

// free returns the free pages of a transaction. It returns nil if a later transaction has replaced it or the list is
// damaged.
func (s *scrubbing) free(p *pages, txid uint64) pageSet {
	m := readMetas(s.db.file).of(txid)
	if m == nil {
		return nil
	}
	set, err := freePages(p, m)
	if err != nil {
		s.fault(err)
		return nil
	}
	return set
}

func (s *scrubbing) fault(err error) {
	s.faults[err.Error()] = true
	s.db.Note(fmt.Errorf("found by the scrub of %s: %w", s.db.path, err))
}

// setPosition returns the place of a record, from which a walk can continue. It uses the memory of at, and shares none
// with the record.
func setPosition(at [][]byte, r *Record) [][]byte {
	at = slices.Grow(at[:0], len(r.Path)+1)[:len(r.Path)+1]
	for i, name := range r.Path {
		at[i] = append(at[i][:0], name...)
	}
	at[len(r.Path)] = append(at[len(r.Path)][:0], r.Key...)
	return at
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
