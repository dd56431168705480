package backup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
)

// schedule runs the scheduled backups of a bank in a directory. The test calls stop.
func schedule(t *testing.T, db *boltdb.DB, config backup.Config) (r *backup.Running, value func(string) float64,
	stop func()) {
	t.Helper()
	registry := prometheus.NewRegistry()
	r = backup.NewRunning(bank(), db, config, registry, zerolog.Nop())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	value = func(name string) float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name {
				return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		t.Fatalf("there is no %s", name)
		return 0
	}
	return r, value, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.End()
	}
}

func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

// TestRunning_MakesBackupsOnASchedule also removes what an earlier process left, keeps what is not its own, and goes on
// where another process has left off.
func TestRunning_MakesBackupsOnASchedule(t *testing.T) {
	dir := t.TempDir()
	db := openBank(t, filepath.Join(t.TempDir(), "test.db"))
	for _, name := range []string{".test-x.backup.partial-1", "letter", "test-20200101T000000Z.backup"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := backup.Config{Dir: dir, Every: time.Second, Keep: 2}
	r, value, stop := schedule(t, db, config)
	seen := map[string]bool{}
	clocktest.Eventually(t, "there were four backups", func() bool {
		if file := r.State().File; file != "" {
			seen[file] = true
		}
		return len(seen) == 4
	})
	stop()
	if age := value("test_backup_age_seconds"); age < 0 || age > 60 {
		t.Errorf("the age is %v", age)
	}
	if every := value("test_backup_interval_seconds"); every != 1 {
		t.Errorf("the interval is %v", every)
	}
	found := names(t, dir)
	if len(found) != 4 || found[0] != "letter" || found[1] != "test-20200101T000000Z.backup" {
		t.Errorf("there are %v", found)
	}
	newest := filepath.Join(dir, found[len(found)-1])
	if _, done, err := bank().Verify(t.Context(), newest, t.TempDir(), nil); err != nil || len(done.Faults) > 0 {
		t.Errorf("the newest: %v, %v", done, err)
	}
	config.Every = time.Hour
	r, _, stop = schedule(t, db, config)
	clocktest.Eventually(t, "it knows the newest", func() bool { return r.State().File == filepath.Base(newest) })
	stop()
	if now := names(t, dir); fmt.Sprint(now) != fmt.Sprint(found) {
		t.Errorf("too early there are %v", now)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRunning_AFailureIsCountedAndTriedAgain has a directory that is missing at first.
func TestRunning_AFailureIsCountedAndTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	db := openBank(t, filepath.Join(t.TempDir(), "test.db"))
	r, value, stop := schedule(t, db, backup.Config{Dir: dir, Every: 50 * time.Millisecond, Keep: 1})
	clocktest.Eventually(t, "it has failed", func() bool { return value("test_backup_failures_total") > 1 })
	if s := r.State(); !s.Scheduled || !strings.Contains(s.Error, dir) || s.FailedAt.IsZero() || s.File != "" ||
		!strings.Contains(r.Note(), dir) {
		t.Errorf("the state is %+v, %s", s, r.Note())
	}
	if age := value("test_backup_age_seconds"); !math.IsInf(age, 1) {
		t.Errorf("the age is %v", age)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "there is a backup", func() bool { return r.State().File != "" })
	stop()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRunning_KeepsTheOldOnesUntilANewOneIsVerified damages a record in the file. Its copy is no backup.
func TestRunning_KeepsTheOldOnesUntilANewOneIsVerified(t *testing.T) {
	dir := t.TempDir()
	db := openBank(t, filepath.Join(t.TempDir(), "test.db"))
	_, _, stop := schedule(t, db, backup.Config{Dir: dir, Every: time.Hour, Keep: 1})
	clocktest.Eventually(t, "there is a backup", func() bool {
		return len(names(t, dir)) == 1 && !strings.HasPrefix(names(t, dir)[0], ".")
	})
	stop()
	before := names(t, dir)
	err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
		return tx.Bucket(journal).Put([]byte("no checksum"), []byte("damaged"))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, value, stop := schedule(t, db, backup.Config{Dir: dir, Every: time.Millisecond, Keep: 1})
	clocktest.Eventually(t, "it has failed", func() bool { return value("test_backup_failures_total") > 0 })
	stop()
	if after := names(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v, before %v", after, before)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// held is a writer that waits until the test lets it go on.
type held struct {
	begun, goOn chan struct{}
	once        atomic.Bool
}

// Write implements io.Writer.
func (h *held) Write(b []byte) (int, error) {
	if h.once.CompareAndSwap(false, true) {
		close(h.begun)
	}
	<-h.goOn
	return len(b), nil
}

// TestRunning_OneBackupAtATime also ends a stream when the service stops.
func TestRunning_OneBackupAtATime(t *testing.T) {
	db := openBank(t, filepath.Join(t.TempDir(), "test.db"))
	r := backup.NewRunning(bank(), db, backup.Config{}, prometheus.NewRegistry(), zerolog.Nop())
	w := &held{begun: make(chan struct{}), goOn: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- r.Stream(context.Background(), w) }()
	<-w.begun
	if err := r.Stream(t.Context(), io.Discard); !errors.Is(err, backup.ErrBusy) {
		t.Errorf("the second one: %v", err)
	}
	r.End()
	close(w.goOn)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the first one: %v", err)
	}
	if r.Note() != "" {
		t.Errorf("without a schedule it notes %q", r.Note())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRunning_HasMetricsFromTheStart looks at them without a schedule.
func TestRunning_HasMetricsFromTheStart(t *testing.T) {
	db := openBank(t, filepath.Join(t.TempDir(), "test.db"))
	registry := prometheus.NewRegistry()
	r := backup.NewRunning(bank(), db, backup.Config{}, registry, zerolog.Nop())
	defer r.End()
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 3 {
		t.Errorf("%d metrics, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
