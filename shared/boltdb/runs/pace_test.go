package runs

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
)

// TestSet_MergesKeepUpWithFolds fills segments faster than they can be folded. The number of runs must stay bounded all
// the same, and in the end everything is folded.
func TestSet_MergesKeepUpWithFolds(t *testing.T) {
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "runs.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := createTest(db); err != nil {
		t.Fatal(err)
	}
	const tier, segment, segments = 3, 16, 150
	s, err := Open(t.Context(), db, testRoot, testSpecs, Config{Segment: segment, Tier: tier})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Maintain(ctx, Retention{Now: time.Now}, zerolog.Nop()) }()
	most := 0
	look := func() {
		for _, runs := range s.state.Load().runs {
			most = max(most, len(runs))
		}
	}
	for n := range uint64(segments) {
		err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
			for i := range uint64(segment) {
				rest := binary.BigEndian.AppendUint64(nil, n*segment+i)
				aged := binary.BigEndian.AppendUint32(rest[:8:8], uint32(n))
				if err := s.Append(tx, Entry{s.Index(0), Sum(string(aged)), aged},
					Entry{s.Index(1), Sum(string(rest)), rest}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		look()
	}
	clocktest.Eventually(t, "everything is folded", func() bool { look(); return len(s.state.Load().frozen) == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if bound := behindTiers*tier + 1; most > bound || most < 2*tier {
		t.Errorf("there were %d runs, want at most %d, and some", most, bound)
	}
}
